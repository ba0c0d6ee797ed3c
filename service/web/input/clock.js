/** Where a video begins and ends on the browser's own clock: a piece of a longer recording may begin at any time. */

// Frames of an MP4 are decoded in another order than they are shown: the clock begins so much before the first frame,
// at most. Where it begins earlier, it begins with sound.
const REORDERED_S = 0.25;
// A busy machine takes seconds to show a frame; a page in the background shows none.
const PATIENCE_MS = 5000;
// So long a new frame may take after the browser has said that it is there. What comes later would be taken for the next.
const SHOWN_MS = 2000;
const SLACK_S = 1e-3;
const FAR_S = 1e7; // past the end of every video

/**
 * Waits until a video is loaded. Call it before its `src` is set.
 * @param {HTMLVideoElement} video
 * @returns {Promise<number>} the time in seconds that is the zero of the service's times; NaN where it cannot be played
 */
export async function loadedZero(video) {
  /** @type {Promise<number>} */
  const firstFrame = new Promise((resolve) => {
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback((_, { mediaTime }) => resolve(mediaTime));
  });
  const isLoaded = await new Promise((resolve) => {
    video.onloadeddata = () => resolve(true);
    video.onerror = () => resolve(false);
  });
  if (!isLoaded) return NaN;
  const clockS = video.currentTime;
  /** @type {Promise<number>} a video that is not seen may tell of no frame */
  const late = new Promise((resolve) => setTimeout(resolve, "requestVideoFrameCallback" in video ? PATIENCE_MS : 0, clockS));
  const frameS = await Promise.race([firstFrame, late]);
  return frameS - clockS < REORDERED_S ? frameS : clockS;
}

/**
 * When a video ends. Recordings of browsers do not say how long they are, and other files say too little: the end has
 * to be looked for. While a file is still being loaded, the browser finds out that it is longer than it had thought.
 * @param {HTMLVideoElement} video
 */
export async function endOf(video) {
  for (let knownS = 0; ; ) {
    await seek(video, FAR_S);
    const endS = Number.isFinite(video.duration) ? Math.max(video.duration, video.currentTime) : video.currentTime;
    if (endS <= knownS) return endS;
    knownS = endS;
  }
}

/** @param {HTMLVideoElement} video @param {number} timeS @returns {Promise<void>} */
export function seek(video, timeS) {
  return new Promise((resolve) => {
    if (video.currentTime === timeS) {
      resolve();
      return;
    }
    video.addEventListener("seeked", () => resolve(), { once: true });
    video.currentTime = timeS;
  });
}

/**
 * Goes to a time, and waits until the frame that is shown then can be drawn: on a busy machine, that of the place before
 * is drawn for a while.
 * @param {HTMLVideoElement} video @param {number} timeS
 * @returns {Promise<number | null>} when that frame begins; null where the browser does not tell
 */
export async function seekFrame(video, timeS) {
  if (video.currentTime === timeS) return drawnAt(video);
  const frame = frameAt(video, timeS);
  await seek(video, timeS);
  // Where the place is the same after all, as after the end, there is no news of it; nor is there in the background.
  const late = new Promise((resolve) => setTimeout(resolve, document.hidden ? 0 : SHOWN_MS, null));
  return (await Promise.race([frame, late])) ?? drawnAt(video);
}

/**
 * Shows the last frame. Sound may go on after it.
 * @param {HTMLVideoElement} video @param {number} endS when the video ends
 * @returns {Promise<number>} when that frame begins
 */
export async function lastFrame(video, endS) {
  await seekFrame(video, 0); // or there would be no news
  return (await seekFrame(video, endS)) ?? endS - SLACK_S;
}

/** When the frame that would be drawn now begins; null where the browser does not tell. @param {HTMLVideoElement} video */
function drawnAt(video) {
  if (!("VideoFrame" in window)) return null;
  try {
    const frame = new VideoFrame(video);
    const beginS = frame.timestamp / 1e6;
    frame.close();
    return beginS;
  } catch {
    return null; // there is none
  }
}

/**
 * When the frame that is shown at a time begins, as soon as it is shown; null where the browser does not tell.
 * @param {HTMLVideoElement} video @param {number} timeS @returns {Promise<number | null>}
 */
function frameAt(video, timeS) {
  return new Promise((resolve) => {
    const next = () =>
      video.requestVideoFrameCallback((_, { mediaTime }) => (mediaTime <= timeS + SLACK_S ? resolve(mediaTime) : next()));
    if ("requestVideoFrameCallback" in video) next();
    else resolve(null);
  });
}
