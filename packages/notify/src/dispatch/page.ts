import type { GroupAlert, NotificationContext, NotificationReason } from "@pharos/alert";
import type { Labels } from "@pharos/base";
import type { DocumentTransaction } from "@pharos/ports";
import type { Integration } from "./decide.ts";
import { hashOf } from "./idempotency-key.ts";
import type { OutboxEntry } from "./outbox-entry.ts";
import type { Write } from "./write.ts";

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
  /** What each receiver is told beside that. */
  readonly contextFor: (receiver: string) => NotificationContext;
  /** The group whose follower hears of each attempt, and says whether it is still wanted; undefined for a page of none. */
  readonly followedGroup: string | undefined;
  /** Failed attempts are repeated until then, up to once a minute. */
  readonly giveUpAtMs: number;
}

/** Whether a page is still wanted, and what is to be kept with it; undefined where it is not. */
export type PageDecision = (
  tx: DocumentTransaction | undefined,
) => Promise<readonly Write[] | undefined>;

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
  const { giveUpAtMs, groupKey, groupLabels, routeLabels, reason, alerts } = page;
  return {
    id: hashOf("page", page.id, key),
    integration: key,
    receiver,
    groupId: pageGroupId(page),
    ...{ groupKey, groupLabels, routeLabels, reason, alerts },
    recordBefore: undefined,
    followedGroups: page.followedGroup === undefined ? [] : [page.followedGroup],
    createdAtMs: nowMs,
    leasedBy: lease.server,
    leasedUntilMs: lease.untilMs,
    page: { context: page.contextFor(receiver), giveUpAtMs },
  };
}
