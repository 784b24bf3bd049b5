import { COLUMN_SET_KINDS, COLUMN_SET_SHAPES, type ColumnSetKind } from "../block/column-set.ts";
import type { FileColumn } from "./parquet-file.ts";

/** More label names than this, and the rest (by name) share the column `other_labels`, as a JSON object. */
export const LABEL_COLUMNS_MAX = 400;

export const SERIES_ID = "series_id";
export const TIMESTAMP = "timestamp";
export const OTHER_LABELS = "other_labels";

/** Columns of the samples' files and of the series' index that are no labels. */
const OWN_NAMES: ReadonlySet<string> = new Set([
  SERIES_ID,
  TIMESTAMP,
  OTHER_LABELS,
  ...Object.values(COLUMN_SET_SHAPES).flatMap(({ floats, bytes }) => [...floats, ...bytes]),
  "exemplar_labels",
  ...COLUMN_SET_KINDS.flatMap((kind) => [`${kind}_first_row`, `${kind}_rows`]),
  ...["min_time", "max_time"],
  // Folders of the archive, which readers may show as columns.
  ...["tier", "date"],
]);

/**
 * The name of a label's column: the label's own, with `label_` before it where that is the name of another column (in
 * any case: some readers do not tell `Value` from `value`) or begins so itself.
 */
export function labelColumn(label: string): string {
  const taken = OWN_NAMES.has(label.toLowerCase()) || label.startsWith("label_");
  return taken ? `label_${label}` : label;
}

/** The label of a column that `labelColumn` named. */
export function labelOfColumn(column: string): string {
  return column.startsWith("label_") ? column.slice("label_".length) : column;
}

/** The columns of numbers of a kind. */
export function floatColumns(kind: ColumnSetKind): readonly string[] {
  return COLUMN_SET_SHAPES[kind].floats;
}

/** The columns of byte strings of a kind: the name says whose labels they are. */
export function byteColumns(kind: ColumnSetKind): readonly string[] {
  return COLUMN_SET_SHAPES[kind].bytes.map((name) =>
    name === "labels" ? "exemplar_labels" : name,
  );
}

/** Which labels have a column of their own. */
export class LabelColumns {
  /** In the order of the columns. */
  readonly names: readonly string[];
  readonly #own: ReadonlySet<string>;
  readonly hasOthers: boolean;

  constructor(labelNames: readonly string[]) {
    this.names = labelNames.slice(0, LABEL_COLUMNS_MAX);
    this.#own = new Set(this.names);
    this.hasOthers = labelNames.length > LABEL_COLUMNS_MAX;
  }

  has(label: string): boolean {
    return this.#own.has(label);
  }

  get columns(): FileColumn[] {
    const columns: FileColumn[] = this.names.map((name) => ({
      name: labelColumn(name),
      kind: "text",
    }));
    if (this.hasOthers) columns.push({ name: OTHER_LABELS, kind: "text" });
    return columns;
  }
}
