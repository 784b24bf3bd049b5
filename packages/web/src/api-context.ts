import { assert } from "@pharos/base";
import { createContext, useContext } from "react";
import type { ApiClient } from "./api-client.ts";

export const ApiContext = createContext<ApiClient | undefined>(undefined);

/** The server that this page talks to. */
export function useApi(): ApiClient {
  const api = useContext(ApiContext);
  assert(api !== undefined, "the page is drawn inside an ApiContext");
  return api;
}
