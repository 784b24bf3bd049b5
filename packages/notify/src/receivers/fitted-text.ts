import { truncateBytes } from "./truncate.ts";

const ENCODER = new TextEncoder();

/** A message that is at most so many bytes of JSON: where it is larger, the one long text in it is cut. */
export function fittedMessage<M>(message: (text: string) => M, text: string, sizeMax: number): M {
  let fitting = text;
  for (;;) {
    const candidate = message(fitting);
    const over = sizeOf(JSON.stringify(candidate)) - sizeMax;
    if (over <= 0 || fitting === "") return candidate;
    // What a byte of the text is in JSON is at least a byte: this never takes too little by more than the ellipsis.
    const size = sizeOf(fitting) - over;
    fitting = size > 3 ? truncateBytes(fitting, size) : "";
  }
}

/** In UTF-8. */
export function sizeOf(text: string): number {
  return ENCODER.encode(text).length;
}
