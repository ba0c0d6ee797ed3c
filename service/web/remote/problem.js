/** A problem in words for the person in front of the page. */
export class Problem extends Error {
  /**
   * @param {string} title one short sentence
   * @param {string} detail what helps
   * @param {number} [status] of the answer of the service that says so
   */
  constructor(title, detail, status) {
    super(`${title}. ${detail}`);
    this.status = status;
    this.title = title;
    this.detail = detail;
  }
}

/** @param {unknown} error @param {string} title of the problem, where the error is not one */
export const asProblem = (error, title) => (error instanceof Problem ? error : new Problem(title, String(error)));
