import type { GroupAlert, NotificationContext, NotificationReason } from "@pharos/alert";
import type { Labels } from "@pharos/base";
import type { Integration } from "./decide.ts";
import { hashOf } from "./idempotency-key.ts";
import type { OutboxEntry } from "./outbox-entry.ts";

/** A notification to named receivers outside the routes: somebody is called. */
export interface PageRequest {
  /** Names it for ever: the same page asked for twice, also by two servers, is sent once. */
  readonly id: string;
  readonly receivers: readonly string[];
  /** What it is about, as receivers know groups: their own ids of incidents come from the key. */
  readonly groupKey: string;
  readonly groupLabels: Labels;
  readonly routeLabels: Labels;
  readonly reason: NotificationReason;
  /** Sorted; firing ones have no end. At least one. */
  readonly alerts: readonly GroupAlert[];
  readonly context: NotificationContext;
  /** The group whose follower hears of each attempt, and says whether it is still wanted. */
  readonly followedGroup: string;
  /** Failed attempts are repeated until then, up to once a minute. */
  readonly giveUpAtMs: number;
}

/** What stands in place of a group's id for a page: no group has it. */
export function pageGroupId(page: Pick<PageRequest, "id">): string {
  return hashOf("page", page.id);
}

export function pageEntry(
  page: PageRequest,
  { key, receiver }: Integration,
  lease: { readonly server: string; readonly untilMs: number },
  nowMs: number,
): OutboxEntry {
  const { context, giveUpAtMs, groupKey, groupLabels, routeLabels, reason, alerts } = page;
  return {
    id: hashOf("page", page.id, key),
    integration: key,
    receiver,
    groupId: pageGroupId(page),
    ...{ groupKey, groupLabels, routeLabels, reason, alerts },
    recordBefore: undefined,
    followedGroups: [page.followedGroup],
    createdAtMs: nowMs,
    leasedBy: lease.server,
    leasedUntilMs: lease.untilMs,
    page: { context, giveUpAtMs },
  };
}
