// A middleware: it drops messages with fewer bytes than the setting `minimum`, and marks
// and forwards all others.

import { get } from "wasi:config/store@0.2.0-rc.1";
import * as next from "wasi:messaging/incoming-handler@0.2.0-draft";

export const incomingHandler = {
  handle(message) {
    // Returning without a call to the next component drops the message.
    if (message.data().length < minimum()) return;
    message.addMetadata("seen-by", "project-name");
    // An error of the next component is thrown, and returned unchanged.
    next.handle(message);
  },

  subscribe() {
    return next.subscribe();
  },
};

/**
 * Returns the setting. While it is invalid, messages become dead letters, which you can
 * replay once it is fixed: the exception is an `error` of wasi:messaging.
 */
function minimum() {
  const number = Number(get("minimum") ?? 0);
  if (Number.isInteger(number)) return number;
  throw { tag: "other", val: "the setting `minimum` is not a whole number" };
}
