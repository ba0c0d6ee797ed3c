/** Heatmaps in colour: grey maps through inferno, a perceptually even colour map. */

/** Every fifteenth entry of matplotlib's inferno (CC0), from black to pale yellow. */
const INFERNO = (
  "000004 0a0722 1e0c45 380962 510e6c 69166e 801f6c 982766 b0315b " +
  "c63d4d d94d3d e9612b f47918 fa9407 fcb014 f8cd37 f2ea69 fcffa4"
)
  .split(" ")
  .map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
const STEP = 255 / (INFERNO.length - 1);

// The face must stay visible: what is cold is left clear, what is hot is never quite opaque.
const CLEAR_BELOW = 0.12;
const OPAQUE_FROM = 0.6;
const OPACITY = 0.72;
// The map ends where the network's crop ends; a hard edge there would look like something it found.
const SOFT_EDGE = 0.08;

const PALETTE = Array.from({ length: 256 }, (_, value) => [...colour(value), Math.round(255 * opacity(value / 255))]);

function colour(value) {
  const low = Math.min(Math.floor(value / STEP), INFERNO.length - 2);
  const share = value / STEP - low;
  return INFERNO[low].map((channel, i) => Math.round(channel + share * (INFERNO[low + 1][i] - channel)));
}

function opacity(share) {
  const t = Math.min(1, Math.max(0, (share - CLEAR_BELOW) / (OPAQUE_FROM - CLEAR_BELOW)));
  return OPACITY * t * t * (3 - 2 * t);
}

/**
 * The heatmap of one label for a face, as a small coloured canvas; null where there is none.
 * @param {{emotion: string, explanations: {target: string, media_type: string, data: string}[],
 *   heatmaps?: Record<string, import("./pixels.js").Grey>}} face `heatmaps`: of a face that this browser has read
 * @param {string} target a label, or "top" for the one that the face was given
 */
export async function heatmapOf(face, target) {
  const label = target === "top" ? face.emotion : target;
  if (face.heatmaps) return coloured(face.heatmaps[label]);
  const explanation = face.explanations.find((one) => one.target === label);
  return explanation ? coloured(await decode(explanation)) : null;
}

/** The server's grey PNG as pixels. @returns {Promise<import("./pixels.js").Grey>} */
async function decode({ data, media_type: type }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type }));
  const { width, height } = picture;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  picture.close();
  return { data: context.getImageData(0, 0, width, height).data.filter((_, at) => at % 4 === 0), width, height };
}

function coloured({ data, width, height }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const image = new ImageData(width, height);
  data.forEach((grey, at) => {
    image.data.set(PALETTE[grey], 4 * at);
    image.data[4 * at + 3] *= softness(at, canvas);
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** 1 inside, down to 0 at the border. @param {number} index of the pixel */
function softness(index, { width, height }) {
  const x = ((index % width) + 0.5) / width;
  const y = (Math.floor(index / width) + 0.5) / height;
  return Math.min(1, Math.min(x, 1 - x, y, 1 - y) / SOFT_EDGE);
}

/** Paints the scale from cold to hot into a canvas 256 wide. @param {HTMLCanvasElement} canvas */
export function paintScale(canvas) {
  const image = new ImageData(256, 1);
  PALETTE.forEach(([red, green, blue], at) => image.data.set([red, green, blue, 255], 4 * at));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
