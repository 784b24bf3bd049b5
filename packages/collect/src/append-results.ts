import type { AppendResult } from "@pharos/ports";

/** What became of several batches together. */
export function sumResults(results: readonly AppendResult[]): AppendResult {
  const none = { appended: 0, duplicate: 0, tooOld: 0, tooNew: 0, conflicting: 0 };
  return results.reduce(addResults, none);
}

export function addResults(a: AppendResult, b: AppendResult): AppendResult {
  return {
    appended: a.appended + b.appended,
    duplicate: a.duplicate + b.duplicate,
    tooOld: a.tooOld + b.tooOld,
    tooNew: a.tooNew + b.tooNew,
    conflicting: a.conflicting + b.conflicting,
  };
}
