import { type Matcher, quote } from "@pharos/base";
import { type Answer, failure, success } from "./answer.ts";
import type { Admin, AdminControl } from "./dependencies.ts";
import { badData, invalidParameter } from "./errors.ts";
import { matchParameters } from "./match-parameter.ts";
import { parametersOf, parseBoolean, rangeParameters } from "./parameters.ts";
import { isFromAnotherSite } from "./same-site.ts";

/** `POST /api/v1/admin/tsdb/…`: what an administrator does to the store, as Prometheus names and answers it. */
export const ADMIN_ACTIONS: Readonly<
  Record<string, (parameters: URLSearchParams, control: AdminControl) => Promise<Answer>>
> = {
  /** `?skip_head`: copies what there is to a folder, and answers its name. */
  async snapshot(parameters, control) {
    return success({ name: await control.snapshot(skipHeadParameter(parameters)) });
  },

  /** `?match[]&start&end`: nobody reads those samples any more. */
  async delete_series(parameters, control) {
    if (!parameters.has("match[]")) throw badData("no match[] parameter provided");
    const range = rangeParameters(parameters);
    if (range.maxMs < range.minMs) throw badData("end time is before start time");
    // All are read before the first is deleted: a mistake in the last one must change nothing.
    const selectors: readonly (readonly Matcher[])[] = matchParameters(parameters, { named: true });
    for (const matchers of selectors) await control.deleteSeries(matchers, range);
    return done();
  },

  /** Gives back the bytes of what was deleted. */
  async clean_tombstones(_, control) {
    await control.cleanTombstones();
    return done();
  },

  /** Moves what is in memory to blocks; ours. */
  async flush(_, control) {
    return success(await control.flush());
  },

  /** Merges all blocks that can be merged, and answers when that is done; ours. */
  async compact(_, control) {
    return success(await control.compact());
  },
};

/** Does what `action` names, where whoever reaches the address may. */
export async function administer(
  request: Request,
  action: string,
  { control }: Admin,
): Promise<Answer> {
  if (control === undefined)
    return failure(
      503,
      "unavailable",
      "admin APIs disabled: Pharos listens on an address that others reach; start it with --enable-admin-api to allow them",
    );
  // A page that somebody looks at could otherwise delete their series from within their browser.
  if (isFromAnotherSite(request))
    return failure(403, "bad_data", "not from a page of another site");
  const act = ADMIN_ACTIONS[action] as (typeof ADMIN_ACTIONS)[string];
  return act(await parametersOf(request), control);
}

function skipHeadParameter(parameters: URLSearchParams): boolean {
  const text = parameters.get("skip_head") ?? "";
  const skipHead = text === "" ? false : parseBoolean(text);
  if (skipHead !== undefined) return skipHead;
  throw invalidParameter(
    "skip_head",
    `unable to parse boolean: strconv.ParseBool: parsing ${quote(text)}: invalid syntax`,
  );
}

function done(): Answer {
  return { status: 204, headers: {}, body: null };
}
