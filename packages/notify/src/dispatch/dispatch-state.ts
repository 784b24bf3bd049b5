import type { GroupAlert, Inhibitor } from "@pharos/alert";
import type { Clock, Labels, OperatingError } from "@pharos/base";
import type { DispatchCluster } from "../cluster/cluster-dispatch.ts";
import type { NotificationConfig } from "../config/notification-config.ts";
import type { DeliveryLog } from "../delivery-log.ts";
import type { AlertIntake } from "./alert-intake.ts";
import type { ClockJumps } from "./clock-jumps.ts";
import type { Deliveries } from "./deliveries.ts";
import type { DocumentWriter } from "./document-writer.ts";
import type { GroupTable } from "./group-table.ts";
import type { Leases } from "./leases.ts";
import type { LiveGroup } from "./live-group.ts";
import type { DispatchObserver } from "./observer.ts";
import type { RecordBook } from "./record-book.ts";
import type { StoredRecord } from "./stored-record.ts";
import type { Suppression } from "./suppression.ts";

/** What everything that dispatches works on: one of it, in memory, which counts; documents follow. */
export interface DispatchState {
  readonly clock: Clock;
  /** Whether other servers work on the same documents. */
  readonly shared: boolean;
  readonly intake: AlertIntake;
  readonly table: GroupTable;
  readonly records: RecordBook;
  readonly writer: DocumentWriter;
  readonly jumps: ClockJumps;
  readonly leases: Leases;
  /** Servers that share no store with this one. */
  readonly cluster: DispatchCluster | undefined;
  /** What another server has told while a notification of ours was on its way, by key. */
  readonly superseded: Map<string, StoredRecord>;
  readonly deliveries: Deliveries;
  readonly log: DeliveryLog;
  readonly observer: DispatchObserver;
  readonly routeLabels: (group: LiveGroup, alerts: readonly GroupAlert[]) => Labels;
  readonly silencedBy: (labels: Labels, nowMs: number) => readonly string[];
  readonly onProblem: (error: OperatingError, doing: string) => void;
  readonly counts: DispatchCounts;
  config: NotificationConfig;
  inhibitor: Inhibitor;
}

/** Counts since the start. */
export interface DispatchCounts {
  delivered: number;
  failed: number;
  retried: number;
  refusedAlerts: number;
}

export function suppressionOf(state: DispatchState): Suppression {
  const { inhibitor, config, silencedBy, observer, table } = state;
  return {
    inhibitor,
    timeIntervals: config.timeIntervals,
    silencedBy,
    heldBecause: (...asked) => observer.heldBecause(...asked),
    firstGroup: (id) => table.firstGroupOf(id),
  };
}
