/** The service's answers. Written by `npm run types` from openapi/; do not edit. */

/** Whole pixels of the upright image (EXIF orientation applied), from its top left corner. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Options that a client leaves out. */
export interface Defaults {
  max_faces: number;
  fps: number;
}

export interface Detection {
  /** null with `crop=whole` */
  detector: string | null;
  /** on the detector's own scale, higher is surer; Haar's last stage */
  weight: number | null;
  /** probability that this is a face; null where a detector gives none */
  confidence: number | null;
}

/** How faces are searched for. Members beyond the name are the detector's own settings. */
export interface DetectorDescription {
  name: string;
  /** the smallest face that is found in an image of any scale, pixels */
  window_px: number;
  /** from one size searched for to the next */
  step: number;
  /** windows that have to agree on a face */
  neighbours: number;
  /** the smallest face searched for by default, of the image's longer side */
  smallest_share: number;
  /** boxes are one face from this overlap on: their intersection over the smaller box */
  merge_overlap: number;
}

export interface Explanation {
  method: "gradcam";
  target: string;
  media_type: string;
  width: number;
  height: number;
  /** the square of the image that the heatmap covers; it may reach past the image's edges */
  box: Box;
  /** base64 */
  data: string;
}

export interface Face {
  box: Box;
  detection: Detection;
  emotion: string;
  /** calibrated probability of `emotion` */
  confidence: number;
  /** true where the prediction set has more than one label */
  uncertain: boolean;
  /** conformal prediction set: labels that hold the true one in 90 % of faces like the data's, most probable first */
  prediction_set: (string)[];
  /** all labels in the model's order; they sum to 1 */
  emotions: Record<string, number>;
  quality: Quality;
  /** the same while a face stays in view, from 1; null outside streams and videos */
  track_id: number | null;
  explanations: (Explanation)[];
}

/** Server: a frame that was not analysed, because a newer one came or it had waited too long. */
export interface FrameDropped {
  type: "dropped";
  frame_id: number;
  reason: "superseded" | "stale";
}

export interface ImageSize {
  width: number;
  height: number;
}

/** Every limit in force, the defaults of options, and the fixed columns of CSV. */
export interface Limits {
  max_body_bytes: number;
  max_pixels: number;
  max_faces: number;
  media_types: (string)[];
  queue: number;
  threads: number;
  deadline_s: number;
  body_timeout_s: number;
  max_videos: number;
  max_video_bytes: number;
  max_video_pixels: number;
  max_video_s: number;
  video_body_timeout_s: number;
  video_deadline_s: number;
  max_streams: number;
  max_frame_bytes: number;
  max_text_chars: number;
  stream_credits: number;
  stream_idle_s: number;
  stream_session_s: number;
  stream_send_s: number;
  stream_abuse: number;
  defaults: Defaults;
  /** in order; a column per label follows, then `error` */
  csv_columns: (string)[];
}

/** What the ONNX file says of itself, and how the detector searches. */
export interface ModelDescription {
  name: string;
  version: string;
  sha256: string;
  /** in index order */
  labels: (string)[];
  input: Record<string, any>;
  /** share of the face box's side that the crop adds on every side */
  crop_margin: number;
  detector: DetectorDescription;
  /** measured at export, on the split that chose the model */
  metrics: Record<string, any>;
  calibration: Record<string, number>;
  explanation: Record<string, any>;
  training: Record<string, string>;
  licence: string;
  created: string;
}

export interface ModelName {
  name: string;
  version: string;
  sha256: string;
}

export interface Quality {
  /** variance of the Laplacian of the crop that the network saw */
  sharpness: number;
  /** mean grey of that crop, 0 black to 1 white */
  brightness: number;
  warnings: ("small" | "blurred" | "dark" | "bright")[];
}

/** The faces of one image, largest first; none is an answer as well. */
export interface Result {
  request_id: string;
  model: ModelName;
  image: ImageSize;
  faces: (Face)[];
  /** milliseconds by stage: queue, decode, detect, infer, explain, total */
  timing_ms: Record<string, number>;
}

/** Server: the first message. */
export interface SessionCreated {
  type: "session.created";
  session_id: string;
  limits: Limits;
  labels: (string)[];
  model: StreamModel;
  /** frames that may wait for an answer at once; each answer gives one back */
  credits: number;
  configuration: StreamOptions;
}

/** Server: a frame (or, without `frame_id`, a text message) that is wrong; the session goes on. A problem's members, but for its `type`: that name is the message's here. */
export interface StreamError {
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  request_id: string;
  /** the limit that was passed, where there is one */
  limit: number | null;
  type: "error";
  frame_id: number | null;
}

export interface StreamModel {
  name: string;
  version: string;
  sha256: string;
  crop_margin: number;
}

/** What a WebSocket session does with each frame; `session.update` changes any part of it. */
export interface StreamOptions {
  /** `gradcam` adds heatmaps: what in the face speaks for a label */
  explain: "none" | "gradcam";
  /** explain every n-th frame that is analysed */
  explain_every: number;
  /** the label to explain: `top`, `all`, or one of the model's labels */
  target: string;
  /** at most so many faces, largest first */
  max_faces: number;
  /** look for faces at least so many pixels wide; by default a sixteenth of the longer side */
  min_face_px: number | null;
  /** averages a track's probabilities: the weight that a frame keeps after one second, so that 0 is each frame by itself and 1 the mean of the whole track; heatmaps stay those of the frame */
  smoothing: number;
  /** a frame that has waited longer is answered `dropped` (`stale`) */
  max_age_ms: number | null;
}

/** Server: the faces of a frame. */
export interface StreamResult {
  request_id: string;
  model: ModelName;
  image: ImageSize;
  faces: (Face)[];
  /** milliseconds by stage: queue, decode, detect, infer, explain, total */
  timing_ms: Record<string, number>;
  type: "result";
  frame_id: number;
  /** milliseconds from the frame's arrival to this answer */
  age_ms: number;
}

/** The last line, instead of the summary, where the rest of a video cannot be read; all lines before it stay valid. A problem's members, but for its `type`: that name is the line's here. */
export interface VideoError {
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  request_id: string;
  /** the limit that was passed, where there is one */
  limit: number | null;
  type: "error";
}

/** A frame that was analysed. */
export interface VideoFrame {
  type: "frame";
  /** number among the frames analysed, from 0 */
  index: number;
  /** the frame's time in the video, seconds */
  time_s: number;
  faces: (Face)[];
}

/** The last line of a video that was read to its end, or to `to_s`. */
export interface VideoSummary {
  type: "summary";
  /** of the whole video; as far as it was read where the file does not say */
  duration_s: number;
  /** frames between `from_s` and `to_s` */
  frames_read: number;
  frames_analysed: number;
  tracks: (VideoTrack)[];
}

/** One face from the first frame that shows it to the last. */
export interface VideoTrack {
  track_id: number;
  from_s: number;
  to_s: number;
  /** the mean of its frames' probabilities, each counted once, not smoothed */
  mean: Record<string, number>;
  /** the label with the highest mean */
  dominant: string;
}
