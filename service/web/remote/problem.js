/** A problem in words for the person in front of the page. */
export class Problem extends Error {
  /**
   * @param {string} title one short sentence
   * @param {string} detail what helps
   */
  constructor(title, detail) {
    super(`${title}. ${detail}`);
    this.title = title;
    this.detail = detail;
  }
}

/** @param {unknown} error @param {string} title of the problem, where the error is not one */
export const asProblem = (error, title) => (error instanceof Problem ? error : new Problem(title, String(error)));
