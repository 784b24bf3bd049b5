import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from "@codemirror/autocomplete";
import {
  defaultKeymap,
  history,
  historyKeymap,
  insertNewlineAndIndent,
} from "@codemirror/commands";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintKeymap } from "@codemirror/lint";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  EditorView,
  keymap,
  placeholder,
  tooltips,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { PromQLExtension } from "@prometheus-io/codemirror-promql";
import type { ErrorSpan } from "./error-position.ts";

/** What the editor needs to know, and whom to tell. */
export interface EditorOptions {
  readonly text: string;
  readonly label: string;
  readonly placeholder: string;
  /** Where `api/v1/` lies; completion asks there for metrics, labels and their values. */
  readonly baseUrl: string;
  onChange(text: string): void;
  onRun(): void;
}

/** An editor in the page. The one who made it destroys it. */
export interface PromqlEditor {
  readonly text: string;
  setText(text: string): void;
  /** Marks the place of the server's error until the text changes. */
  setError(span: ErrorSpan | undefined): void;
  focus(): void;
  destroy(): void;
}

/** Metric names are completed from the series of so long. */
const LOOKBACK_MS = 12 * 3_600_000;

const setServerError = StateEffect.define<ErrorSpan | undefined>();

const serverError = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects)
      if (effect.is(setServerError)) return markOf(effect.value, transaction.state);
    return transaction.docChanged ? Decoration.none : marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function markOf(span: ErrorSpan | undefined, state: EditorState): DecorationSet {
  if (span === undefined || span.from > state.doc.length) return Decoration.none;
  const to = Math.min(span.to, state.doc.length);
  // An error at the very end has nothing to underline, so its line gets a mark after the text.
  if (to <= span.from) {
    const line = state.doc.lineAt(span.from);
    return Decoration.set(Decoration.line({ class: "cm-server-error-end" }).range(line.from));
  }
  return Decoration.set(Decoration.mark({ class: "cm-server-error" }).range(span.from, to));
}

const highlight = HighlightStyle.define([
  { tag: tags.variableName, color: "var(--ph-syntax-name)" },
  { tag: tags.labelName, color: "var(--ph-syntax-name)" },
  { tag: tags.function(tags.variableName), color: "var(--ph-syntax-function)" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier], color: "var(--ph-syntax-keyword)" },
  { tag: tags.string, color: "var(--ph-syntax-string)" },
  { tag: tags.number, color: "var(--ph-syntax-number)" },
  { tag: tags.operator, color: "var(--ph-syntax-keyword)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--ph-dim)" },
  { tag: tags.invalid, color: "var(--ph-red)" },
]);

/** Puts an editor into `parent`. Enter runs, Shift-Enter makes a new line; a choice in the completion takes Enter first. */
export function createPromqlEditor(parent: HTMLElement, options: EditorOptions): PromqlEditor {
  const promql = new PromQLExtension().setComplete({
    remote: { url: options.baseUrl.replace(/\/$/, ""), lookbackInterval: LOOKBACK_MS },
  });
  const run = () => {
    options.onRun();
    return true;
  };
  const leave = ({ contentDOM }: EditorView) => {
    contentDOM.blur();
    return true;
  };
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        history(),
        bracketMatching(),
        closeBrackets(),
        autocompletion({ icons: false }),
        promql.asExtension(),
        syntaxHighlighting(highlight),
        serverError,
        placeholder(options.placeholder),
        EditorView.lineWrapping,
        // The lists must not be cut off by the panel that the editor is in.
        tooltips({ parent: document.body, position: "fixed" }),
        EditorView.contentAttributes.of({ "aria-label": options.label, "aria-multiline": "true" }),
        keymap.of([
          { key: "Escape", run: leave },
          { key: "Mod-Enter", run },
          { key: "Shift-Enter", run: insertNewlineAndIndent },
        ]),
        // Below the completion's Enter, above the one that makes a new line.
        Prec.high(keymap.of([{ key: "Enter", run }])),
        keymap.of([
          ...closeBracketsKeymap,
          ...completionKeymap,
          ...historyKeymap,
          ...lintKeymap,
          ...defaultKeymap,
        ]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    get text() {
      return view.state.doc.toString();
    },
    setText(text) {
      if (text === view.state.doc.toString()) return;
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    setError(span) {
      view.dispatch({ effects: setServerError.of(span) });
    },
    focus() {
      view.focus();
    },
    destroy() {
      view.destroy();
      promql.destroy();
    },
  };
}
