import type { Incident, IncidentStatus, Priority } from "@pharos/alert";
import { type Matcher, matchesLabels } from "@pharos/base";
import { receiverTag, ruleTag, statusTag, tagsOfMatcher } from "./incident-documents.ts";
import type { Place } from "./newest-first.ts";

export interface IncidentQuery {
  /** "open" is firing or acknowledged. */
  readonly status?: IncidentStatus | "open";
  readonly priority?: Priority;
  readonly receiver?: string;
  /** An incident with an alert of this name. */
  readonly rule?: string;
  /** Those with an alert whose labels match one of these lists; an empty list of lists is all. */
  readonly matcherLists?: readonly (readonly Matcher[])[];
  /** When they were opened; both bounds belong to it. */
  readonly minMs: number;
  readonly maxMs: number;
  readonly after?: Place;
  readonly limit: number;
}

/** Lists of tags; what is wanted has all of one of them, and must be looked at for the rest. */
export function tagListsOf(query: IncidentQuery): string[][] {
  const { status, priority, receiver, rule, matcherLists = [] } = query;
  const tags: string[] = [];
  if (priority !== undefined) tags.push(`priority=${priority}`);
  if (receiver !== undefined) tags.push(receiverTag(receiver));
  if (rule !== undefined) tags.push(ruleTag(rule));
  return statusLists(status).flatMap((statusTags) =>
    labelLists(matcherLists).map((labelTags) => [...tags, ...statusTags, ...labelTags]),
  );
}

function statusLists(status: IncidentQuery["status"]): string[][] {
  if (status === undefined) return [[]];
  if (status === "open") return [[statusTag("firing")], [statusTag("acknowledged")]];
  return [[statusTag(status)]];
}

/** Only of one list of matchers, whose first equality narrows most of the time; the rest is looked at. */
function labelLists(matcherLists: readonly (readonly Matcher[])[]): string[][] {
  const [only, ...others] = matcherLists;
  if (only === undefined || others.length > 0) return [[]];
  for (const matcher of only) {
    const lists = tagsOfMatcher(matcher);
    if (lists !== undefined) return lists;
  }
  return [[]];
}

/** Whether an alert of the incident matches one of the lists; without lists every incident does. */
export function hasMatchingAlert(
  incident: Incident,
  matcherLists: readonly (readonly Matcher[])[],
): boolean {
  if (matcherLists.length === 0) return true;
  return matcherLists.some((matchers) => {
    for (const { labels } of incident.alerts.values())
      if (matchesLabels(matchers, labels)) return true;
    return false;
  });
}
