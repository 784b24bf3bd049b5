import { DEFAULT_OUTAGE_TIMES } from "@pharos/alert";
import type { ServeOptions } from "../options.ts";
import type { AlertingOptions } from "./alerting.ts";
import { clusterSettings } from "./peering.ts";

/**
 * What the options of the command line say about alerting.
 *
 * @param replicaName this server's name among those that share its work.
 * @throws OperatingError `config.invalid` where options of several servers do not go together.
 */
export function alertingSettings(
  options: ServeOptions,
  replicaName: string,
): Pick<
  AlertingOptions,
  "rules" | "cluster" | "retention" | "holdFlapping" | "alertsPerNameMax" | "notificationRateMax"
> {
  const { alertsPerNameMax, notificationRateMax, rulesConcurrentMax } = options;
  return {
    rules: {
      rulesConcurrentMax,
      resendDelayMs: options.alertResendDelayMs,
      outage: {
        ...DEFAULT_OUTAGE_TIMES,
        outageToleranceMs: options.alertOutageToleranceMs,
        gracePeriodMs: options.alertGracePeriodMs,
      },
      replicaName,
    },
    cluster: clusterSettings(options, replicaName),
    retention: {
      silenceMs: options.silenceRetentionMs,
      incidentMs: options.incidentRetentionMs,
      deliveryMs: options.deliveryRetentionMs,
    },
    holdFlapping: options.alertHoldFlapping,
    alertsPerNameMax,
    notificationRateMax,
  };
}
