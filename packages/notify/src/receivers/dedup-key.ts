import { createHash } from "node:crypto";
import type { Notification } from "@pharos/alert";

/**
 * By which a system elsewhere knows a group again. As Alertmanager: what resolves an incident that one of the two
 * triggered may come from the other.
 */
export function dedupKey({ groupKey }: Pick<Notification, "groupKey">): string {
  return createHash("sha256").update(groupKey).digest("hex");
}
