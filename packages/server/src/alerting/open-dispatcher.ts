import { randomInt } from "node:crypto";
import { systemClock } from "@pharos/adapters/node";
import { seededRng } from "@pharos/base";
import {
  type Cluster,
  Dispatcher,
  type DispatcherOptions,
  dispatchCluster,
  type SilenceBook,
} from "@pharos/notify";
import { withChannels } from "../rule-book/channel-routing.ts";
import { type AlertContextOptions, alertContext } from "../rules/population.ts";
import { SharedAnswers } from "../rules/shared-answers.ts";
import type { AlertingOptions } from "./alerting.ts";
import type { Incidents } from "./incidents.ts";
import type { Receivers } from "./receivers.ts";
import { silenceLink } from "./silence-link.ts";

/** For so long a receiver that was left alone can be told at once what it could have been told meanwhile. */
const BURST_SECONDS = 4;
/** Seeds are 32 bits. */
const SEEDS = 2 ** 32;
/** So long a notification waits for its incident to be kept; then it goes without the incident's links. */
const INCIDENT_WAIT_MS = 1000;
/** Whose queries these are, in the log of queries. */
const NOTIFICATION_QUERIES = { file: "", name: "notifications" };

/** What the dispatcher works with. */
interface DispatcherParts extends Pick<AlertContextOptions, "ruleOf" | "onProblem"> {
  /** That rules name. */
  readonly channels: readonly string[];
  readonly silences: SilenceBook;
  readonly incidents: Incidents;
  readonly receivers: Receivers;
  readonly cluster: Cluster | undefined;
}

/**
 * Takes up the groups that the last process left, and what was to be sent.
 *
 * @throws OperatingError of the document store.
 */
export function openDispatcher(
  options: AlertingOptions,
  parts: DispatcherParts,
): Promise<Dispatcher> {
  const { documents, files, alertsPerNameMax, notificationRateMax, retention } = options;
  const { channels, silences, incidents, receivers, cluster, onProblem } = parts;
  return Dispatcher.open({
    // With all routes at once: groups of a route that is not there would be over.
    config: withChannels(files.notifications, channels),
    store: documents,
    clock: systemClock,
    rng: seededRng(randomInt(SEEDS)),
    createReceiver: (config) => receivers.create(config),
    perAlertnameMax: alertsPerNameMax,
    onAttempt: options.onAttempt,
    deliveryBounds: { retentionMs: retention.deliveryMs },
    rate: { perSecond: notificationRateMax, burst: BURST_SECONDS * notificationRateMax },
    silencedBy: (labels, nowMs) => silences.silencedBy(labels, nowMs),
    routeLabels: (group, alerts) => receivers.routeLabels(group, alerts),
    observer: incidents.follower,
    ...(cluster === undefined
      ? {}
      : { cluster: dispatchCluster(cluster, () => systemClock.nowMs()) }),
    enrich: enriching(options, parts),
    onProblem,
  });
}

/** What a notification says beside its alerts: how many are affected, the incident, a link to a silence. */
function enriching(
  { queries, externalUrl }: AlertingOptions,
  { incidents, ruleOf, onProblem }: DispatcherParts,
): NonNullable<DispatcherOptions["enrich"]> {
  const answers = new SharedAnswers(
    (expr, timeMs, signal) => queries.service.evaluate(expr, timeMs, signal, NOTIFICATION_QUERIES),
    systemClock,
  );
  const context: AlertContextOptions = {
    ...{ clock: systemClock, ruleOf, onProblem },
    evaluate: (...asked) => answers.evaluate(...asked),
  };
  return async (group, alerts, signal) => {
    const found = await alertContext(context, group, alerts, signal);
    // A group told at once is told before its incident is kept.
    await Promise.race([incidents.book.settled(), systemClock.sleep(INCIDENT_WAIT_MS, signal)]);
    const incident = incidents.context(group.id, alerts, systemClock.nowMs());
    const silenceUrl = silenceLink(externalUrl, alerts);
    return {
      ...(incident === undefined ? {} : { incident }),
      ...(silenceUrl === undefined ? {} : { silenceUrl }),
      ...found,
    };
  };
}
