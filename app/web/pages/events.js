// Server-Sent Events out of a response: `EventSource` can only GET.

/** Yield the events of a response, {name, data}; to leave the loop early is to hang up. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) {
        return;
      }
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      // What begins with a colon is a comment, a sign of life.
      yield* blocks.filter((block) => !block.startsWith(":")).map(parse);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parse(block) {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
  return { name: fields.event, data: JSON.parse(fields.data) };
}
