// Names under `.test` for a Node program (node --import preload.mjs): see sitecustomize.py beside this file. What goes to
// port 443 of such a name goes to the TLS front on port LOOPBACK_FRONT of 127.0.0.1; any other name cannot be reached.
import net from "node:net";

const front = Number(process.env.LOOPBACK_FRONT);
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...args) {
  // Inside Node the arguments come as one prepared array, from elsewhere as they are written.
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (options !== null && typeof options === "object" && options.host !== undefined && net.isIP(options.host) === 0 && options.host !== "localhost") {
    if (options.host.endsWith(".test") && Number(options.port) === 443) {
      options.host = "127.0.0.1"; // the name stays in `servername`, which TLS sends and checks
      options.port = front;
    } else {
      const wrong = Object.assign(new Error(`${options.host}:${options.port} is not port 443 of a name under .test`), { code: "ENOTFOUND" });
      process.nextTick(() => this.destroy(wrong));
      return this;
    }
  }
  return connect.apply(this, args);
};
