import "./expression-editor.css";
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useCommand } from "./commands.tsx";
import type { ErrorSpan } from "./error-position.ts";
import type { PromqlEditor } from "./promql-editor.ts";

interface ExpressionEditorProps {
  readonly text: string;
  readonly label: string;
  readonly errorSpan: ErrorSpan | undefined;
  /** Whether `/` comes here. */
  readonly takesFocus: boolean;
  onChange(text: string): void;
  onRun(): void;
}

const PLACEHOLDER = "PromQL, for example rate(node_cpu_seconds_total[5m])";

/**
 * The field for an expression. It is a plain one until CodeMirror has been loaded (150 KB that the charts need not
 * wait for) and stays one where that fails.
 */
export function ExpressionEditor(props: ExpressionEditorProps) {
  const { errorSpan, text } = props;
  const holder = useRef<HTMLDivElement>(null);
  const plain = useRef<HTMLTextAreaElement>(null);
  const [editor, setEditor] = useState<PromqlEditor>();
  const latest = useRef(props);
  useLayoutEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    let live = true;
    let made: PromqlEditor | undefined;
    import("./promql-editor.ts").then(
      ({ createPromqlEditor }) => {
        const parent = holder.current;
        if (!live || parent === null) return;
        const hadFocus = document.activeElement === plain.current;
        made = createPromqlEditor(parent, {
          text: latest.current.text,
          label: latest.current.label,
          placeholder: PLACEHOLDER,
          baseUrl: document.baseURI,
          onChange: (changed) => latest.current.onChange(changed),
          onRun: () => latest.current.onRun(),
        });
        setEditor(made);
        if (hadFocus) made.focus();
      },
      () => {
        // The chunk did not come: the plain field does all but completion.
      },
    );
    return () => {
      live = false;
      made?.destroy();
      setEditor(undefined);
    };
  }, []);

  useEffect(() => editor?.setText(text), [editor, text]);
  useEffect(() => editor?.setError(errorSpan), [editor, errorSpan]);

  useCommand("focusSearch", () => {
    if (!props.takesFocus) return;
    if (editor === undefined) plain.current?.focus();
    else editor.focus();
  });

  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    props.onRun();
  }

  return (
    <div className="editor">
      <div ref={holder} />
      {editor === undefined && (
        <textarea
          ref={plain}
          className="editor__plain"
          aria-label={props.label}
          placeholder={PLACEHOLDER}
          rows={text.split("\n").length}
          spellCheck={false}
          value={text}
          onChange={(event) => props.onChange(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
      )}
    </div>
  );
}
