// A middleware: messages of fewer bytes than the setting `minimum` go no
// further. All others are marked and passed on.

import { get } from "wasi:config/store@0.2.0-rc.1";
import * as next from "wasi:messaging/incoming-handler@0.2.0-draft";

export const incomingHandler = {
  handle(message) {
    // To return without calling on drops the message, and it is done with.
    if (message.data().length < minimum()) return;
    message.addMetadata("seen-by", "project-name");
    // An error of the next component is thrown, and passes through unchanged.
    next.handle(message);
  },

  subscribe() {
    return next.subscribe();
  },
};

/**
 * The setting. While it is wrong, messages become dead letters, which can be
 * replayed once it is mended: what is thrown is an `error` of the contract.
 */
function minimum() {
  const number = Number(get("minimum") ?? 0);
  if (Number.isInteger(number)) return number;
  throw { tag: "other", val: "the setting `minimum` is no whole number" };
}
