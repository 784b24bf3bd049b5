import type { MiddlewareHandler } from "hono";

/**
 * Ends the body of an answer to HEAD: nobody will read it, and what makes it piece by piece would wait for that for ever.
 */
export const endUnreadBody: MiddlewareHandler = async (context, next) => {
  await next();
  if (context.req.method === "HEAD") await context.res.body?.cancel();
};
