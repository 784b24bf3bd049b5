import { errorText } from "@pharos/base";
import { Link } from "@tanstack/react-router";
import { Note } from "./note.tsx";

export function NotFound() {
  return (
    <main className="page">
      <h1>There is no such page</h1>
      <p>
        <Link to="/">Go to Explore</Link>
      </p>
    </main>
  );
}

/** Shown in place of a page that could not be drawn. The frame around it stays. */
export function PageError({ error }: { error: unknown }) {
  return (
    <main className="page">
      <Note kind="error">This page could not be drawn: {errorText(error)}</Note>
    </main>
  );
}
