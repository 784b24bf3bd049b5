import type { Matcher } from "@pharos/base";

/** A node of the routing tree of an `alertmanager.yml`; what it does not say itself it has from its parent. */
export interface Route {
  /**
   * Names the node as Alertmanager does in group keys: the matchers from the root down, `{}/{severity="critical"}`.
   * Two nodes may have the same key.
   */
  readonly key: string;
  /** Names the node alone: the key with the positions among siblings, `{}/{severity="critical"}/0`. */
  readonly id: string;
  readonly matchers: readonly Matcher[];
  readonly receiver: string;
  /** Label names; "all" for `['...']`: every alert is a group of its own. */
  readonly groupBy: readonly string[] | "all";
  /** How long the first notification of a group waits for more alerts. */
  readonly groupWaitMs: number;
  /** How long later ones wait for more changes. */
  readonly groupIntervalMs: number;
  /** After this long without a change, firing alerts are notified again. */
  readonly repeatIntervalMs: number;
  /** Names of time intervals. Not inherited: they hold for this node's own notifications. */
  readonly muteTimeIntervals: readonly string[];
  readonly activeTimeIntervals: readonly string[];
  /** Name and template; given to receivers' templates. */
  readonly labels: readonly (readonly [name: string, template: string])[];
  /** Whether siblings below are asked too when this node matched. */
  readonly continues: boolean;
  readonly routes: readonly Route[];
}
