import type { Matcher } from "@pharos/base";

/** Whether two lists are the same matchers in the same order, however often they were compiled. */
export function sameMatchers(a: readonly Matcher[], b: readonly Matcher[]): boolean {
  return (
    a === b ||
    (a.length === b.length &&
      a.every(({ type, name, value }, index) => {
        const other = b[index];
        return type === other?.type && name === other.name && value === other.value;
      }))
  );
}
