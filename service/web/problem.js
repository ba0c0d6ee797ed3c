/** What went wrong, in words for the person in front of the page. */
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
