import type { Context, Hono } from "hono";
import { type Answer, failure, responseOf } from "./answer.ts";

/** What a route gives: an answer, or what the router sends as it is. */
export type Routed = Response | Answer;
export type Route = (request: Request, context: Context) => Routed | Promise<Routed>;

/** Serves a path by these methods; every other one is answered with 405. */
export function addRoute(app: Hono, methods: readonly string[], path: string, route: Route): void {
  serve(app, methods, path, route);
  app.all(path, onlyMethods(methods));
}

/** Serves a path that does something else for each method; every other one is answered with 405. */
export function addMethods(
  app: Hono,
  path: string,
  routes: Readonly<Partial<Record<"GET" | "POST" | "PUT" | "DELETE", Route>>>,
): void {
  for (const [method, route] of Object.entries(routes)) serve(app, [method], path, route);
  app.all(path, onlyMethods(Object.keys(routes)));
}

function serve(app: Hono, methods: readonly string[], path: string, route: Route): void {
  app.on([...methods], path, async (context) => {
    const routed = await route(context.req.raw, context);
    return routed instanceof Response ? routed : responseOf(routed);
  });
}

/** The answer to every other method. */
export function onlyMethods(methods: readonly string[]): () => Response {
  const Allow = [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", ");
  const are = methods.length === 1 ? "is" : "are";
  return () => {
    const refused = failure(405, "bad_data", `only ${methods.join(" and ")} ${are} allowed here`);
    return responseOf({ ...refused, headers: { ...refused.headers, Allow } });
  };
}
