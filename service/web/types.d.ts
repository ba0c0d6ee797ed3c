/** Shapes that several modules of the page share, beside those of the service (contract.d.ts). */

import type { Box, Explanation, Face, HeadDescription, ImageSize, Quality, VideoError, VideoSummary } from "./contract.d.ts";

/** Grey pixels, row by row. */
export interface Grey {
  data: Uint8Array;
  width: number;
  height: number;
}

/** Width and height in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** The answers of a model, by the members of a face that hold them. */
export type Head = HeadDescription["option"];

/** A heatmap of one label; `peak` is its highest value before it was stretched to the full range of grey. */
export interface LabelMap {
  map: Grey;
  peak: number;
}

/** The heatmaps of a face, by label; `box` is the square of the image that they cover, turned clockwise by `degrees`. */
export interface FaceMaps {
  box: Box;
  degrees: number;
  emotions: Record<string, LabelMap>;
  votes?: Record<string, LabelMap>;
}

/** A face, read by the service or by this browser, which gives no quality and its heatmaps as pixels. */
export interface PageFace extends Omit<Face, "quality" | "explanations"> {
  quality?: Quality;
  explanations?: Explanation[];
  heatmaps?: FaceMaps;
}

/** The faces of one picture or camera frame. */
export interface Reading {
  image: ImageSize;
  faces: PageFace[];
  timing_ms: Record<string, number>;
  /** The width of the smallest face that was searched for, where the service has read it. */
  searched_from_px?: number | null;
  /** Milliseconds from the frame's arrival at the service to its answer. */
  age_ms?: number;
}

/** What a model was measured at on one split of its data. */
export interface SplitFigures {
  faces: number;
  accuracy: number;
  /** The 95 % interval. */
  accuracy_95: [number, number];
  recall?: Record<string, number>;
  /** Counts of faces: a row for each label of the data, a column for each answer. */
  confusion?: number[][];
}

/** One of several pictures: nothing is known until its reading or its problem is here. */
export interface PictureEntry {
  file: File;
  reading: Reading | null;
  problem: { title: string; detail: string } | null;
}

/** A reading of a live session. */
export interface FrameReading extends Reading {
  frame_id: number;
}

/** A frame of a video or of a live session, with its time in seconds from the start. */
export interface Moment {
  index: number;
  time_s: number;
  faces: PageFace[];
  searched_from_px?: number | null;
}

/** A line of a video's reading. */
export type VideoLine = ({ type: "frame" } & Moment) | VideoSummary | VideoError;

/** A camera frame: what is painted when its answer arrives. `capturedAt`: performance.now() at its capture. */
export interface CameraFrame {
  bitmap: ImageBitmap;
  capturedAt: number;
}

/** Why no face is shown, in a word and in a sentence. */
export interface Unread {
  title: string;
  detail: string;
}

/** What the view shows. */
export interface Scene {
  /** null where the browser cannot show what the service could read. */
  picture: ImageBitmap | HTMLVideoElement | null;
  /** What the boxes refer to. */
  size: Size;
  faces: PageFace[];
  /** One for each face. */
  heatmaps: (PlacedHeatmap | null)[];
  /** Index of the face that the panel shows. */
  chosen: number;
  mirrored: boolean;
  /** Set where the faces are not known; `faces` is empty then. */
  unread?: Unread;
  /** What the panel says where there is no face; by default what helps before a camera. */
  absent?: Unread;
}

/** A coloured heatmap, and the square of the picture that it covers. */
export interface PlacedHeatmap {
  canvas: HTMLCanvasElement;
  box: Box;
  /** The square is turned by so much, clockwise. */
  degrees: number;
}

/** What a live session tells. */
export interface StreamListener {
  onSession(session: { labels: string[] }): void;
  /** The frame's bitmap belongs to the listener from now on. */
  onResult(result: FrameReading, frame: CameraFrame): void;
  onTrouble(kind: Trouble, detail: string): void;
}

/**
 * What can go wrong with a live session: the service does not answer, has no place left, refuses the stream, could not
 * read one frame; or this browser cannot run the model.
 */
export type Trouble = "gone" | "full" | "refused" | "rejected" | "local";

/** What reads the frames of a live session: the service's stream, or this browser. */
export interface FrameReader {
  readonly hasCredit: boolean;
  send(frame: CameraFrame): Promise<void>;
  /** Changes the session's options. */
  update(options: Record<string, unknown>): void;
  /** Connects again now instead of later. */
  wake(): void;
  end(): void;
}

/** An entry of the menu: its words, the file's name, and what makes its content. */
export type SaveChoice = [words: string, name: string, content: () => Blob | Promise<Blob>];

/** What a button does that is shown over the view: its words, and its effect. */
export type Offer = [words: string, run: () => void];

/** A mode of the page that shows something. */
export interface Mode {
  /** Ends it and gives back what it holds. */
  stop(): void;
  /** What can be saved of it. */
  choices(): SaveChoice[];
  /** What is on screen, as a request to the service. */
  request(): import("./output/snippets.js").Request;
  /** Reads again, in the place that the switch says. `focus`: the element that keeps the keyboard's focus. */
  restart(focus?: HTMLElement): void;
  /** Shows again what was read, as another file could not be; false: nothing was. */
  resume?(): boolean;
  /** Back was pressed; without this nothing is open then. */
  back?(): void;
  /** Another heatmap is wanted, or none. */
  onHeatmap?(): void;
  /** Another detector is chosen; without this it reads again. */
  onDetector?(): void;
  /** Whether what is shown now is to be announced. */
  readonly isAnnounced?: boolean;
  /** Milliseconds between two announcements, at least. */
  readonly announceEveryMs?: number;
  /** The page is in view again. */
  wake?(): void;
}
