const ENCODER = new TextEncoder();

/** A message that is at most so many bytes of JSON: where it is larger, the one long text in it is cut. */
export function fittedMessage<M>(message: (text: string) => M, text: string, sizeMax: number): M {
  const fits = (candidate: M): boolean => sizeOf(JSON.stringify(candidate)) <= sizeMax;
  const whole = message(text);
  if (fits(whole)) return whole;
  // A character may be up to six bytes of JSON, so how many of them fit is found by halving; each is one byte at least.
  const characters = Array.from(text.slice(0, 2 * sizeMax).toWellFormed());
  let fitting = message("");
  let [low, high] = [-1, characters.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const candidate = message(`${characters.slice(0, middle).join("")}…`);
    if (fits(candidate)) [fitting, low] = [candidate, middle];
    else high = middle - 1;
  }
  return fitting;
}

/** In UTF-8. */
export function sizeOf(text: string): number {
  return ENCODER.encode(text).length;
}
