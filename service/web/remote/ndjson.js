/** Lines of JSON (NDJSON), one by one as they arrive. */

/**
 * Each line's value, and its text as it was sent. Raises what the connection raises, after the lines that are complete.
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @returns {AsyncGenerator<{value: any, text: string}>}
 */
export async function* jsonLines(body) {
  let rest = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) if (text.trim() !== "") yield { value: JSON.parse(text), text };
  }
  if (rest.trim() !== "") yield { value: JSON.parse(rest), text: rest };
}
