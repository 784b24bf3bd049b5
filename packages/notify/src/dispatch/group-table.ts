import { groupLabels, isResolved, matchRoutes, type Route, walkRoutes } from "@pharos/alert";
import type { Labels } from "@pharos/base";
import type { KnownAlert } from "./alert-intake.ts";
import { FlushQueue } from "./flush-queue.ts";
import { groupIdFor, LiveGroup } from "./live-group.ts";

/** More groups than this are not made: the alerts that would need one are not notified, and counted. */
export const GROUPS_MAX = 100_000;

/** Where an alert belongs, whether or not there is a group yet. */
interface Target {
  readonly route: Route;
  readonly groupId: string;
}

/** An alert that belongs to other groups now. */
export interface Moved {
  readonly fingerprint: string;
  /** The id of the group that it was in. */
  readonly from: string;
}

/** What came of putting an alert where it belongs. */
export interface Placing {
  readonly groups: readonly LiveGroup[];
  /** Groups that were made for it. */
  readonly made: readonly LiveGroup[];
  readonly refused: boolean;
  /** Whether a group is to be looked at sooner than was known. */
  readonly isSooner: boolean;
}

/** All groups, by the routing tree and the labels of their alerts. */
export class GroupTable {
  #root: Route;
  readonly #groups = new Map<string, LiveGroup>();
  readonly #queue = new FlushQueue<LiveGroup>();
  /** By fingerprint; the same for as long as the routes are. */
  #targets = new Map<string, readonly Target[]>();

  constructor(root: Route) {
    this.#root = root;
  }

  get root(): Route {
    return this.#root;
  }

  get size(): number {
    return this.#groups.size;
  }

  get(groupId: string): LiveGroup | undefined {
    return this.#groups.get(groupId);
  }

  values(): IterableIterator<LiveGroup> {
    return this.#groups.values();
  }

  get queue(): FlushQueue<LiveGroup> {
    return this.#queue;
  }

  /** The group of the first route that an alert matches, if it was ever placed. */
  firstGroupOf(fingerprint: string): string | undefined {
    return this.#targets.get(fingerprint)?.[0]?.groupId;
  }

  targetsOf(fingerprint: string, labels: Labels): readonly Target[] {
    return this.#targets.getOrInsertComputed(fingerprint, () =>
      matchRoutes(this.#root, labels).map((route) => ({
        route,
        groupId: groupIdFor(route, labels),
      })),
    );
  }

  /**
   * Puts an alert into the groups of all its routes. One that is over goes where a group is; for one of which nobody
   * `isOwed` to hear, none is made.
   */
  place(
    { fingerprint: id, alert }: KnownAlert,
    nowMs: number,
    isOwed: (groupId: string) => boolean,
  ): Placing {
    const groups: LiveGroup[] = [];
    const made: LiveGroup[] = [];
    let [refused, isSooner] = [false, false];
    const resolved = isResolved(alert, nowMs);
    for (const { route, groupId } of this.targetsOf(id, alert.labels)) {
      let group = this.#groups.get(groupId);
      if (group === undefined) {
        if (resolved && !isOwed(groupId)) continue;
        if (this.#groups.size >= GROUPS_MAX) {
          refused = true;
          continue;
        }
        group = this.make(route, alert.labels, nowMs + route.groupWaitMs);
        made.push(group);
      }
      if (group.insert(id, alert, nowMs)) {
        this.#queue.add(group);
        isSooner = true;
      }
      groups.push(group);
    }
    return { groups, made, refused, isSooner: isSooner || made.length > 0 };
  }

  /** Makes the group of an alert's labels; there must be none. */
  make(route: Route, labels: Labels, nextFlushMs: number): LiveGroup {
    const group = new LiveGroup(route, groupLabels(route, labels), nextFlushMs);
    this.#groups.set(group.id, group);
    this.#queue.add(group);
    return group;
  }

  /** After its time has changed. */
  requeue(group: LiveGroup): void {
    this.#queue.add(group);
  }

  remove(group: LiveGroup): void {
    this.#groups.delete(group.id);
    this.#queue.delete(group);
  }

  forget(fingerprint: string): void {
    this.#targets.delete(fingerprint);
  }

  /** The groups that have the alert. */
  *groupsOf(fingerprint: string): Generator<LiveGroup> {
    for (const { groupId } of this.#targets.get(fingerprint) ?? []) {
      const group = this.#groups.get(groupId);
      if (group?.members.has(fingerprint) === true) yield group;
    }
  }

  isInGroup(fingerprint: string): boolean {
    for (const { groupId } of this.#targets.get(fingerprint) ?? [])
      if (this.#groups.get(groupId)?.members.has(fingerprint) === true) return true;
    return false;
  }

  /**
   * Takes another tree. Groups whose node is still there stay with the alerts that still belong to them; gives the
   * groups that went, and all alerts that left one.
   */
  setRoot(root: Route): { readonly gone: readonly LiveGroup[]; readonly moved: readonly Moved[] } {
    this.#root = root;
    this.#targets = new Map();
    const routes = new Map<string, Route>();
    for (const route of walkRoutes(root)) routes.set(route.id, route);
    const gone: LiveGroup[] = [];
    const moved: Moved[] = [];
    for (const group of [...this.#groups.values()]) {
      for (const [id, { labels }] of group.members) {
        if (this.targetsOf(id, labels).some(({ groupId }) => groupId === group.id)) continue;
        group.members.delete(id);
        moved.push({ fingerprint: id, from: group.id });
      }
      const route = routes.get(group.route.id);
      if (route !== undefined && group.members.size > 0) {
        group.route = route;
        continue;
      }
      this.remove(group);
      gone.push(group);
    }
    return { gone, moved };
  }
}
