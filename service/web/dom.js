/** Elements of the page, with the types that their users rely on. */

/**
 * The element with this id. Throws where there is none of this type: index.html and the modules do not fit then.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [Type] such as HTMLButtonElement
 * @returns {T}
 */
export function byId(id, Type = /** @type {new () => any} */ (HTMLElement)) {
  const element = document.getElementById(id);
  if (!(element instanceof Type)) throw new TypeError(`#${id} is not a ${Type.name}`);
  return element;
}

/**
 * The 2D context of a canvas. Throws where the browser has no memory for one.
 * @overload
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 * @returns {CanvasRenderingContext2D}
 */
/**
 * @overload
 * @param {OffscreenCanvas} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 * @returns {OffscreenCanvasRenderingContext2D}
 */
/**
 * @param {any} canvas
 * @param {CanvasRenderingContext2DSettings} [settings]
 */
export function contextOf(canvas, settings) {
  const context = canvas.getContext("2d", settings);
  if (context === null) throw new Error("the browser gives no 2D context");
  return context;
}

/** A canvas that is as sharp as the screen: its context takes CSS pixels. @param {HTMLCanvasElement} canvas */
export function fittedContext(canvas) {
  const ratio = window.devicePixelRatio;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = contextOf(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/** Scrolls up to an element whose top is above the window. @param {Element} element */
export function scrollUpTo(element) {
  if (element.getBoundingClientRect().top >= 0) return;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ behavior: isStill ? "instant" : "smooth", block: "start" });
}

/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Partial<HTMLElementTagNameMap[K]>} [properties] such as {className: "name"}
 * @returns {HTMLElementTagNameMap[K]}
 */
export function create(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}
