import { type Labels, labelsFrom, labelValue } from "@pharos/base";
import { type RelabelRule, relabel, type TargetGroup } from "@pharos/collect";

/** Where one Alertmanager takes alerts, or would if it had not been dropped. */
export interface AlertmanagerTarget {
  readonly url: string;
  readonly dropped: boolean;
}

export interface AlertmanagerAddressing {
  readonly scheme: "http" | "https";
  /** Before `/api/v2/alerts`; "" or "/" for none. */
  readonly pathPrefix: string;
  /** May change address, scheme and path, or drop the target. */
  readonly relabelRules: readonly RelabelRule[];
}

/** The addresses of the targets of a group, as Prometheus makes them of their labels. */
export function alertmanagerTargets(
  groups: readonly TargetGroup[],
  { scheme, pathPrefix, relabelRules }: AlertmanagerAddressing,
): AlertmanagerTarget[] {
  const path = `/${pathPrefix}/api/v2/alerts`.replace(/\/+/g, "/");
  const targets = new Map<string, AlertmanagerTarget>();
  for (const { targets: sets, labels } of groups)
    for (const own of sets) {
      const discovered = labelsFrom(
        new Map([["__scheme__", scheme], ["__alerts_path__", path], ...labels, ...own]),
      );
      const relabelled = relabel(discovered, relabelRules);
      const url = urlOf(relabelled ?? discovered);
      if (url === undefined) continue;
      targets.set(url, { url, dropped: relabelled === undefined });
    }
  return [...targets.values()];
}

/** Undefined where the labels make no address. */
function urlOf(labels: Labels): string | undefined {
  const address = labelValue(labels, "__address__");
  if (address === "") return undefined;
  const scheme = labelValue(labels, "__scheme__");
  const url = URL.parse(`${scheme}://${address}${labelValue(labels, "__alerts_path__")}`);
  return url === null || !/^https?:$/.test(url.protocol) ? undefined : url.href;
}
