/** Faces and frames that one can check in the head. */

export const LABELS = ["angry", "happy", "neutral"];

/**
 * @param {string} label @param {number} x @param {number | null} [trackId]
 * @returns {import("../../service/web/types.d.ts").PageFace}
 */
export function face(label, x, trackId = 1) {
  const emotions = Object.fromEntries(LABELS.map((name) => [name, name === label ? 0.8 : 0.1]));
  return {
    box: { x, y: 60, width: 80, height: 80 },
    detection: { detector: "haar_frontalface_default", weight: 4, confidence: null, landmarks: null },
    emotion: label,
    confidence: 0.8,
    uncertain: false,
    prediction_set: [label],
    emotions,
    votes: null,
    track_id: trackId,
  };
}

/** The same face with votes: each label's share. @param {import("../../service/web/types.d.ts").PageFace} one @param {number[]} shares */
export const voted = (one, shares) => ({ ...one, votes: Object.fromEntries(LABELS.map((name, i) => [name, shares[i] ?? 0])) });

/**
 * @param {number} index @param {number} timeS @param {import("../../service/web/types.d.ts").PageFace[]} faces
 * @returns {{type: "frame"} & import("../../service/web/types.d.ts").Moment}
 */
export const frame = (index, timeS, ...faces) => ({ type: "frame", index, time_s: timeS, faces });

/** @param {number} durationS @returns {import("../../service/web/contract.d.ts").VideoSummary} */
export const summary = (durationS) => ({
  type: "summary",
  duration_s: durationS,
  frames_read: 50,
  frames_analysed: 10,
  tracks: [],
});
