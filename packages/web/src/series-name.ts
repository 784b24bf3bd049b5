import { formatLabels, type Labels, onlyLabels } from "@pharos/base";

/**
 * The short names of lines that stand together: only the labels in which they differ, `{cpu="0", mode="user"}`; the
 * bare value of one label where it is a word, `user`; for a single line, or where they do not differ, all labels. The
 * order is that of the label sets.
 */
export function shortNames(labelSets: readonly Labels[]): string[] {
  const valuesByName = new Map<string, Set<string>>();
  const countByName = new Map<string, number>();
  for (const labels of labelSets) {
    for (const [name, value] of labels) {
      const values = valuesByName.get(name) ?? new Set();
      valuesByName.set(name, values.add(value));
      countByName.set(name, (countByName.get(name) ?? 0) + 1);
    }
  }
  const differing = new Set<string>();
  for (const [name, values] of valuesByName)
    if (values.size > 1 || countByName.get(name) !== labelSets.length) differing.add(name);
  const [onlyName] = differing;
  // A number by itself does not say what it counts.
  const bare =
    differing.size === 1 &&
    onlyName !== undefined &&
    [...(valuesByName.get(onlyName) ?? [])].every((value) => /\p{L}/u.test(value));
  return labelSets.map((labels) => {
    const shown = onlyLabels(labels, differing);
    const [only] = shown;
    if (bare && only !== undefined) return only[1];
    return formatLabels(shown.length === 0 ? labels : shown);
  });
}
