import { assert } from "@pharos/base";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createApiClient } from "./api-client.ts";
import { App, createQueryClient } from "./app.tsx";
import { createAppRouter } from "./router.tsx";

const root = document.getElementById("root");
assert(root !== null, "index.html has a root");

// <base href> in index.html says under which prefix the page and the API live.
const api = createApiClient({
  baseUrl: document.baseURI,
  fetch: (url, init) => fetch(url, init),
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
});
const router = createAppRouter(new URL(document.baseURI).pathname);

createRoot(root).render(
  <StrictMode>
    <App api={api} queryClient={createQueryClient()} router={router} />
  </StrictMode>,
);
