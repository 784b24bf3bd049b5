import { errorText } from "@pharos/base";
import { ApiError } from "./api-error.ts";
import { placeError } from "./error-position.ts";
import { Note } from "./note.tsx";

const TITLES: Readonly<Record<string, string>> = {
  bad_data: "The expression is not valid",
  execution: "The expression could not be evaluated",
  timeout: "The query took too long",
  canceled: "The query was cancelled",
  unavailable: "The server is not ready",
  unreachable: "No answer",
};

/** Why a query failed, with the place in the expression where the server names one. */
export function QueryError({ error, expr }: { error: unknown; expr: string }) {
  const title =
    error instanceof ApiError ? (TITLES[error.kind] ?? "The query failed") : "The query failed";
  const text = errorText(error);
  const placed = placeError(text, expr);
  if (placed === undefined)
    return (
      <Note kind="error">
        <b>{title}.</b> {text}
      </Note>
    );
  const line = expr.split("\n")[placed.line - 1] ?? "";
  const caret = "^".repeat(Math.max(1, placed.span.to - placed.span.from));
  return (
    <Note kind="error">
      <b>
        {title}, line {placed.line}, column {placed.column}:
      </b>{" "}
      {placed.message}
      <pre aria-hidden="true">{`${line}\n${" ".repeat(placed.column - 1)}${caret}`}</pre>
    </Note>
  );
}
