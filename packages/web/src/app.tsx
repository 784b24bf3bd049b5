import "./mantine-styles.ts";
import "./page.css";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import type { ApiClient } from "./api-client.ts";
import { ApiContext } from "./api-context.ts";
import { ApiError } from "./api-error.ts";
import { CommandProvider } from "./commands.tsx";
import type { AppRouter } from "./router.tsx";
import { theme } from "./theme.ts";

/** Tries again once by itself; after that the reader sees the error, and the next refresh tries again anyway. */
const RETRIES_MAX = 1;
/** Answers to old ranges are of no use a minute later, and each may have a hundred thousand points. */
const CACHE_MS = 60_000;

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: (count, error) =>
          count < RETRIES_MAX && error instanceof ApiError && error.retryable,
        gcTime: CACHE_MS,
        refetchOnWindowFocus: false,
        // A server on this machine needs no network: the browser's "offline" says nothing about it.
        networkMode: "always",
      },
    },
  });
}

export function App(props: { api: ApiClient; queryClient: QueryClient; router: AppRouter }) {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <ApiContext value={props.api}>
        <QueryClientProvider client={props.queryClient}>
          <CommandProvider>
            <RouterProvider router={props.router} />
          </CommandProvider>
        </QueryClientProvider>
      </ApiContext>
    </MantineProvider>
  );
}
