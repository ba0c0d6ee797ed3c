/**
 * Which frames of a video the service would read: of each interval the first frame that begins in it, if one does. A
 * browser shows the frame of a time and cannot be asked for the next one, so that one is searched for.
 */

export const SLACK_S = 5e-4; // as finely as the service compares times
const CLOSEST_S = 4e-3; // 240 frames a second
const EVEN = 1.1; // so many times the smallest distance, two frames are surely neighbours
const BEYOND = 1.5; // so many times the smallest distance after a frame, the next one is shown, and not the one after it

export class FirstFrames {
  #show;
  #distanceS = 0; // the smallest between two neighbours so far; 0 before any is known

  /**
   * @param {(timeS: number) => Promise<number | null>} show shows the frame of a time, the last one that does not begin
   *   after it, and returns when it begins; null where the browser does not tell
   */
  constructor(show) {
    this.#show = show;
  }

  /**
   * Shows the first frame that begins in an interval, and returns when it begins; null where none does.
   * @param {number} fromS @param {number} toS the first time after it
   */
  async find(fromS, toS) {
    const firstS = fromS - SLACK_S;
    const shownS = await this.#show(fromS + SLACK_S / 2);
    if (shownS === null) return fromS;
    if (shownS >= firstS) return shownS;
    let beforeS = shownS;
    const endS = toS - 2 * SLACK_S;
    const guessS = beforeS + BEYOND * this.#distanceS;
    for (const placeS of guessS > fromS && guessS < endS ? [guessS, endS] : [endS]) {
      const nextS = (await this.#show(placeS)) ?? placeS;
      if (nextS >= firstS) return nextS <= beforeS + EVEN * this.#distanceS ? nextS : this.#first(beforeS, fromS, nextS);
      beforeS = Math.max(beforeS, nextS);
    }
    return null;
  }

  /** Shows the first frame of an interval. @param {number} beforeS when a frame before it begins @param {number} fromS @param {number} laterS when one in it begins */
  async #first(beforeS, fromS, laterS) {
    let [firstS, shownS] = [laterS, laterS];
    for (let lowS = fromS; firstS - lowS > CLOSEST_S; ) {
      const middleS = (lowS + firstS) / 2;
      shownS = (await this.#show(middleS)) ?? middleS;
      if (shownS >= fromS - SLACK_S) {
        firstS = shownS;
      } else {
        lowS = middleS;
        beforeS = Math.max(beforeS, shownS);
      }
    }
    this.#distanceS = Math.min(this.#distanceS || Infinity, firstS - beforeS);
    if (shownS !== firstS) await this.#show(firstS + SLACK_S / 2);
    return firstS;
  }
}
