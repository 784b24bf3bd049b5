/** Thrown when something that must be true of a correct program is not. Never caught, never retried. */
export class AssertionFailure extends Error {
  override readonly name = "AssertionFailure";
}

/**
 * States something that must be true if this program is correct, and stops the program if not.
 * For what may well be false in a correct program (bad input, a full disk, a closed socket),
 * throw an `OperatingError` or return the case instead.
 *
 * `detail` is a function where building the text costs something.
 */
export function assert(truth: boolean, detail: string | (() => string)): asserts truth {
  if (!truth) throw new AssertionFailure(typeof detail === "string" ? detail : detail());
}

/** Marks the branch that no value can reach; a new union member makes the call a type error. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unreachable: ${JSON.stringify(value)}`);
}
