/** The service's answers. Written by `npm run types` from openapi/; do not edit. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Defaults {
  max_faces: number;
  fps: number;
}

export interface Detection {
  detector: string | null;
  weight: number | null;
  confidence: number | null;
  landmarks: Landmarks | null;
}

export interface DetectorDescription {
  option: "haar" | "centerface";
  name: string;
  window_px: number;
  step: number | null;
  neighbours: number | null;
  threshold: number | null;
  nms_overlap: number | null;
  upright_degrees: number | null;
  square_side: number | null;
  sha256: string | null;
  smallest_share: number;
  merge_overlap: number;
}

export interface Explanation {
  method: "gradcam";
  head: "emotions" | "votes";
  target: string;
  media_type: string;
  width: number;
  height: number;
  box: Box;
  degrees: number;
  peak: number;
  data: string;
}

export interface Face {
  box: Box;
  detection: Detection;
  emotion: string;
  confidence: number;
  uncertain: boolean;
  prediction_set: Array<string>;
  emotions: Record<string, number>;
  votes: Record<string, number> | null;
  quality: Quality;
  track_id: number | null;
  explanations: Array<Explanation>;
}

export interface FrameDropped {
  type: "dropped";
  frame_id: number;
  reason: "superseded" | "stale";
}

export interface HeadDescription {
  option: "emotions" | "votes";
  predicts: string;
  use: string;
  source: string | null;
  temperature: number;
  metrics: Record<string, any>;
}

export interface ImageSize {
  width: number;
  height: number;
}

export interface Landmarks {
  left_eye: Point;
  right_eye: Point;
  nose: Point;
  left_mouth: Point;
  right_mouth: Point;
}

export interface Limits {
  max_body_bytes: number;
  max_held_bytes: number;
  max_header_bytes: number;
  max_headers: number;
  silence_s: number;
  max_connections: number;
  max_pixels: number;
  max_faces: number;
  media_types: Array<string>;
  queue: number;
  workers: number;
  deadline_s: number;
  body_timeout_s: number;
  max_videos: number;
  max_video_bytes: number;
  max_video_pixels: number;
  max_video_s: number;
  video_body_timeout_s: number;
  video_deadline_s: number;
  max_batches: number;
  max_batch_files: number;
  batch_deadline_s: number;
  max_streams: number;
  rate: number | null;
  client_requests: number;
  client_held_bytes: number;
  client_videos: number;
  client_batches: number;
  client_streams: number;
  max_frame_bytes: number;
  max_text_chars: number;
  stream_credits: number;
  stream_idle_s: number;
  stream_session_s: number;
  stream_send_s: number;
  stream_abuse: number;
  smallest_face_share: number;
  defaults: Defaults;
  csv_columns: Array<string>;
}

export interface ModelDescription {
  name: string;
  version: string;
  sha256: string;
  labels: Array<string>;
  input: Record<string, any>;
  crop_margin: number;
  detector: DetectorDescription;
  detectors: Array<DetectorDescription>;
  heads: Array<HeadDescription>;
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

export interface Point {
  x: number;
  y: number;
}

export interface Quality {
  sharpness: number;
  brightness: number;
  warnings: Array<"small" | "blurred" | "dark" | "bright">;
}

export interface Result {
  request_id: string;
  model: ModelName;
  image: ImageSize;
  faces: Array<Face>;
  searched_from_px: number | null;
  timing_ms: Record<string, number>;
}

export interface SessionCreated {
  type: "session.created";
  session_id: string;
  limits: Limits;
  labels: Array<string>;
  model: StreamModel;
  credits: number;
  configuration: StreamOptions;
}

export interface StreamError {
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  request_id: string;
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

export interface StreamOptions {
  explain: "none" | "gradcam";
  explain_every: number;
  target: string;
  head: "emotions" | "votes";
  max_faces: number;
  min_face_px: number | null;
  detector: "haar" | "centerface" | null;
  smoothing: number;
  max_age_ms: number | null;
}

export interface StreamResult {
  request_id: string;
  model: ModelName;
  image: ImageSize;
  faces: Array<Face>;
  searched_from_px: number | null;
  timing_ms: Record<string, number>;
  type: "result";
  frame_id: number;
  age_ms: number;
}

export interface VideoError {
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  request_id: string;
  limit: number | null;
  type: "error";
}

export interface VideoFrame {
  type: "frame";
  index: number;
  time_s: number;
  faces: Array<Face>;
  searched_from_px: number | null;
}

export interface VideoSummary {
  type: "summary";
  duration_s: number;
  frames_read: number;
  frames_analysed: number;
  tracks: Array<VideoTrack>;
}

export interface VideoTrack {
  track_id: number;
  from_s: number;
  to_s: number;
  mean: Record<string, number>;
  dominant: string;
  mean_votes: Record<string, number> | null;
}
