import { createMemoryHistory } from "@tanstack/react-router";
import { act, render } from "@testing-library/react";
import { createApiClient } from "../src/api-client.ts";
import { App, createQueryClient } from "../src/app.tsx";
import { createAppRouter } from "../src/router.tsx";
import type { FakeServer } from "./fake-server.ts";

/** The time of every page in these tests. */
export const NOW_MS = Date.parse("2026-11-21T12:00:00Z");

/** Draws the whole page at `url`; answers with a way to read where it is now. */
export async function openPage(url: string, server: FakeServer): Promise<{ url: () => string }> {
  const history = createMemoryHistory({ initialEntries: [url] });
  const router = createAppRouter("/", history);
  const api = createApiClient({
    baseUrl: "http://localhost/",
    fetch: server.fetch,
    nowMs: () => NOW_MS,
    monotonicMs: () => 0,
  });
  await act(async () => {
    render(<App api={api} queryClient={createQueryClient()} router={router} />);
    await router.load();
  });
  return { url: () => history.location.href };
}
