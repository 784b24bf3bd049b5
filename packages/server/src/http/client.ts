/** Who sent a request, as far as the connection tells. */
export interface Client {
  /** The address at the other end of the connection; empty where there is no connection. */
  readonly address: string;
}

export const UNKNOWN_CLIENT: Client = { address: "" };

/** What the listener hands to the routes beside the request. */
export interface RequestEnvironment {
  readonly client?: Client;
}
