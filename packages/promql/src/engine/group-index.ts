import { compareUtf8, type Labels, labelValue, METRIC_NAME } from "@pharos/base";
import type { Aggregation } from "../syntax/ast.ts";

/** What is known after some of the labels that tell groups apart. */
interface Level<Group> {
  readonly next: Map<string, Level<Group>>;
  group: Group | undefined;
}

/**
 * An aggregation's groups, by the labels of their members: label by label, without making the labels of a group or a key
 * of them for each of ten thousand series.
 */
export class GroupIndex<Group> {
  readonly #without: ReadonlySet<string> | undefined;
  readonly #by: readonly string[];
  readonly #root: Level<Group> = emptyLevel();
  readonly #groups: Group[] = [];

  constructor({ without, grouping }: Pick<Aggregation, "without" | "grouping">) {
    this.#without = without ? new Set([...grouping, METRIC_NAME]) : undefined;
    this.#by = [...new Set(grouping)].sort(compareUtf8);
  }

  /** All groups, in the order of their first members. */
  get groups(): readonly Group[] {
    return this.#groups;
  }

  /** The group of a series with these labels, which `open` makes where this is its first one. */
  of(labels: Labels, open: () => Group): Group {
    let level = this.#root;
    if (this.#without === undefined)
      for (const name of this.#by) level = below(level, labelValue(labels, name));
    else
      for (const [name, value] of labels)
        if (!this.#without.has(name)) level = below(below(level, name), value);
    if (level.group === undefined) {
      level.group = open();
      this.#groups.push(level.group);
    }
    return level.group;
  }
}

function emptyLevel<Group>(): Level<Group> {
  return { next: new Map(), group: undefined };
}

function below<Group>({ next }: Level<Group>, text: string): Level<Group> {
  return next.getOrInsertComputed(text, emptyLevel<Group>);
}
