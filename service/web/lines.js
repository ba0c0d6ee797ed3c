/** Lines of JSON, one by one as they arrive. */

/**
 * @param {ReadableStream<Uint8Array>} body
 * @returns {AsyncGenerator<object>} raises what the connection raises, after the lines that came whole
 */
export async function* jsonLines(body) {
  let rest = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
  }
  if (rest.trim() !== "") yield JSON.parse(rest);
}
