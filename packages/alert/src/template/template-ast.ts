/** A template as a tree. Offsets are UTF-16 units from the start of the text, for error messages. */
export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipeline: Pipeline }
  | {
      readonly kind: "if" | "with";
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | {
      readonly kind: "range";
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | {
      readonly kind: "template";
      readonly name: string;
      readonly argument: Pipeline | undefined;
      readonly offset: number;
    }
  | { readonly kind: "break" | "continue" };

/** Commands joined by `|`: the value of each is the last argument of the next. */
export interface Pipeline {
  /** The variables that the value goes to; two only in `range $key, $value := …`. */
  readonly variables: readonly string[];
  /** `=` instead of `:=`. */
  readonly assigns: boolean;
  readonly commands: readonly Command[];
  readonly offset: number;
}

/** An operand, or a function and its arguments. */
export interface Command {
  readonly operands: readonly Operand[];
  readonly offset: number;
  /** As written, for error messages. */
  readonly source: string;
}

export type Operand =
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "nil" }
  /** `.`, `.a`, `.a.b`. */
  | { readonly kind: "field"; readonly path: readonly string[] }
  /** `$`, `$x`, `$x.a`; the name with its `$`. */
  | { readonly kind: "variable"; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: "function"; readonly name: string }
  /** A label written as a bare word: `{{ host }}`. */
  | { readonly kind: "label"; readonly name: string }
  | {
      readonly kind: "pipeline";
      readonly pipeline: Pipeline;
      readonly path: readonly string[];
    };
