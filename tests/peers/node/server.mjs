// A fediverse server made with Fedify, told what to do over loopback: node server.mjs '{"folder": ..., "sites": [...]}'.
//
// A site is {"name": "fedify.test", "firstKnock": "rfc9421" | "draft-cavage-http-signatures-12", "secure": false}; a secure
// one shows its actors to signed requests only. All sites of a process listen on one port and are told apart by Host; TLS
// is the front's business. The other port takes orders: POST /SITE/VERB with a JSON object (the verbs stand at the end).
// Everything is delivered while the order is carried out, so an answer means that the other server has accepted it, and
// a failed delivery is the order's failure: {"error": ...} with status 500.
// Actors' keys lie in the folder, so that a restarted server is the same to others; the rest is gone with the process.
import * as fedify from "@fedify/fedify";
import * as vocab from "@fedify/fedify/vocab";
import { Temporal } from "@js-temporal/polyfill";
import { randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";

const { Accept, Activity, Announce, Block, Create, Delete, EmojiReact, Flag, Follow, Like, Move, Note, Person, Reject, Tombstone, Undo, Update } = vocab;
const { folder, sites: wanted } = JSON.parse(process.argv[2]);
const sites = new Map();

function addSite({ name, firstKnock, secure = false }) {
  const site = {
    name, origin: `https://${name}`,
    actors: new Map(), // name -> {name, title, about, locked, movedTo, keys, followers, following, requests}
    notes: new Map(), // id -> {author, note, deleted}
    media: new Map(), // path -> {type, bytes}
    received: [], waiting: new Set(), requests: [], mine: new Map(), // mine: "like OBJECT" -> the activity to undo
  };
  const federation = fedify.createFederation({
    kv: new fedify.MemoryKvStore(), origin: site.origin, firstKnock, allowPrivateAddress: true,
  });
  site.federation = federation;
  sites.set(name, site);

  const open = secure ? async (ctx, identifier) => identifier === name || (await ctx.getSignedKeyOwner()) !== null : async () => true;
  federation.setActorDispatcher("/users/{identifier}", async (ctx, identifier) => {
    const actor = site.actors.get(identifier);
    if (!actor) return null;
    const keys = await ctx.getActorKeyPairs(identifier);
    return new (identifier === name ? vocab.Application : Person)({
      id: ctx.getActorUri(identifier), preferredUsername: identifier, name: actor.title, summary: actor.about,
      url: new URL(`/@${identifier}`, site.origin), manuallyApprovesFollowers: actor.locked, discoverable: true, indexable: true,
      inbox: ctx.getInboxUri(identifier), outbox: ctx.getOutboxUri(identifier), endpoints: new vocab.Endpoints({ sharedInbox: ctx.getInboxUri() }),
      followers: ctx.getFollowersUri(identifier), following: ctx.getFollowingUri(identifier),
      successor: actor.movedTo ? new URL(actor.movedTo) : null, aliases: actor.aliases.map((alias) => new URL(alias)),
      publicKey: keys[0].cryptographicKey, assertionMethods: keys.map((key) => key.multikey),
    });
  }).setKeyPairsDispatcher(async (_, identifier) => site.actors.get(identifier)?.keys ?? []).authorize(open);

  federation.setFollowersDispatcher("/users/{identifier}/followers", async (_, identifier) => {
    const actor = site.actors.get(identifier);
    return actor && { items: [...actor.followers.values()] };
  }).authorize(open);
  federation.setFollowingDispatcher("/users/{identifier}/following", async (_, identifier) => {
    const actor = site.actors.get(identifier);
    return actor && { items: [...actor.following.values()].filter((each) => each.accepted).map((each) => new URL(each.id)) };
  }).authorize(open);
  federation.setOutboxDispatcher("/users/{identifier}/outbox", async (ctx, identifier) => {
    if (!site.actors.has(identifier)) return null;
    const mine = [...site.notes.values()].filter((each) => each.author === identifier && !each.deleted && each.audience !== "mentioned");
    return { items: mine.map((each) => creation(ctx, each)) };
  }).authorize(open);
  federation.setObjectDispatcher(Note, "/users/{identifier}/notes/{id}", async (ctx, values) => {
    const kept = site.notes.get(ctx.getObjectUri(Note, values).href);
    return kept && !kept.deleted && kept.audience !== "mentioned" ? kept.note : null;
  });
  federation.setNodeInfoDispatcher("/nodeinfo/2.1", async () => ({
    software: { name: "fedify-peer", version: "1.0.0" }, protocols: ["activitypub"],
    usage: { users: { total: site.actors.size }, localPosts: site.notes.size, localComments: 0 },
  }));

  federation.setInboxListeners("/users/{identifier}/inbox", "/inbox")
    .setSharedKeyDispatcher(() => ({ identifier: name }))
    .onError((_, error) => console.error(error))
    .on(Activity, async (ctx, activity) => {
      const by = { documentLoader: await ctx.getDocumentLoader({ identifier: name }), contextLoader: ctx.contextLoader, suppressError: true };
      // The Follow that an Accept carries was ours; where it lies at their address, Fedify would not believe it.
      const object = await activity.getObject({ ...by, crossOrigin: activity instanceof Accept || activity instanceof Reject ? "trust" : "ignore" });
      site.received.push({
        type: nameOf(activity), id: activity.id?.href ?? null, actor: activity.actorId?.href, object: activity.objectId?.href ?? object?.id?.href ?? null,
        to: ctx.recipient, understood: object && (await described(object, by)), raw: await activity.toJsonLd({ contextLoader: ctx.contextLoader }),
      });
      await react(ctx, site, activity, object, by);
      for (const look of site.waiting) look();
    });
}

const nameOf = (thing) => thing.constructor.name;

// What Fedify made of an object: what a server built on it would show.
async function described(object, by) {
  const answer = { type: nameOf(object), id: object.id?.href ?? null, name: object.name?.toString() ?? null, content: object.content?.toString() ?? null, summary: object.summary?.toString() ?? null,
    sensitive: object.sensitive ?? null, inReplyTo: object.replyTargetId?.href ?? null, by: object.attributionId?.href ?? null, url: object.url?.href?.href ?? object.url?.href ?? null,
    published: object.published?.toString() ?? null, updated: object.updated?.toString() ?? null, to: object.toIds?.map(String) ?? [], cc: object.ccIds?.map(String) ?? [], attachments: [], tags: [] };
  if (!object.getAttachments) return answer;
  for await (const each of object.getAttachments(by)) {
    answer.attachments.push({ type: nameOf(each), mediaType: each.mediaType ?? null, url: each.url?.href?.href ?? each.url?.href ?? null, alt: each.name?.toString() ?? null, width: each.width ?? null, height: each.height ?? null });
  }
  for await (const each of object.getTags(by)) answer.tags.push({ type: nameOf(each), name: each.name?.toString() ?? null, href: each.href?.href ?? null });
  return answer;
}

// What any server does by itself when something arrives.
async function react(ctx, site, activity, object, by) {
  const sender = activity.actorId.href;
  const theirs = (uri) => [...site.actors.values()].find((actor) => ctx.getActorUri(actor.name).href === uri?.href);
  if (activity instanceof Follow) {
    const actor = theirs(activity.objectId);
    if (!actor) return;
    actor.requests.set(sender, activity);
    if (!actor.locked) await answer(ctx, site, actor, sender, Accept);
  } else if (activity instanceof Accept || activity instanceof Reject) {
    const actor = theirs(object?.actorId) ?? [...site.actors.values()].find((each) => each.following.get(sender)?.follow === activity.objectId?.href);
    const known = actor?.following.get(sender);
    if (known && activity instanceof Accept) known.accepted = true;
    else if (known) actor.following.delete(sender);
  } else if (activity instanceof Undo && object instanceof Follow) {
    theirs(object.objectId)?.followers.delete(sender);
    theirs(object.objectId)?.requests.delete(sender);
  } else if (activity instanceof Block) {
    theirs(activity.objectId)?.followers.delete(sender);
    theirs(activity.objectId)?.following.delete(sender);
  }
}

async function answer(ctx, site, actor, follower, Kind) {
  const follow = actor.requests.get(follower);
  if (!follow) throw new Error(`${follower} has not asked ${actor.name}`);
  const them = await find(ctx, actor.name, follower);
  const said = new Kind({ id: new URL(`/activities/${randomUUID()}`, site.origin), actor: ctx.getActorUri(actor.name), object: follow });
  await ctx.sendActivity({ identifier: actor.name }, them, said);
  actor.requests.delete(follower);
  if (Kind === Accept) actor.followers.set(follower, { id: them.id, inboxId: them.inboxId, endpoints: them.endpoints });
  else actor.followers.delete(follower);
  return said.id.href;
}

async function find(ctx, by, what) {
  const object = await ctx.lookupObject(what, { documentLoader: await ctx.getDocumentLoader({ identifier: by }) });
  if (object === null) throw new Error(`${what} was not found`);
  return object;
}

// Followers for what is public or theirs; always those who are named.
async function send(ctx, by, activity, people, audience) {
  const direct = people.filter((person) => person.inboxId !== null);
  if (direct.length > 0) await ctx.sendActivity({ identifier: by }, direct, activity);
  if (audience !== "mentioned" && ctx.site.actors.get(by).followers.size > 0) {
    await ctx.sendActivity({ identifier: by }, "followers", activity, { preferSharedInbox: true });
  }
}

function addressed(ctx, by, audience, people) {
  const followers = ctx.getFollowersUri(by), named = people.map((person) => person.id);
  if (audience === "mentioned") return { tos: named };
  if (audience === "followers") return { tos: [followers], ccs: named };
  if (audience === "unlisted") return { tos: [followers], ccs: [vocab.PUBLIC_COLLECTION, ...named] };
  return { tos: [vocab.PUBLIC_COLLECTION], ccs: [followers, ...named] };
}

function creation(ctx, kept) {
  return new Create({ id: new URL("#create", kept.note.id), actor: ctx.getActorUri(kept.author), object: kept.note, tos: kept.note.toIds, ccs: kept.note.ccIds, published: kept.note.published });
}

// The same act towards one object, and its undoing: Like, Announce, Block, Follow.
async function act(ctx, { by }, Kind, object, owner, more = {}, audience = "mentioned") {
  const activity = new Kind({ id: new URL(`/activities/${randomUUID()}`, ctx.site.origin), actor: ctx.getActorUri(by), object: object.id, tos: [owner.id], ...more });
  ctx.site.mine.set(`${Kind.name} ${by} ${object.id.href}`, { activity, owner, audience });
  await send(ctx, by, activity, [owner], audience);
  return { id: activity.id.href, object: object.id.href };
}

async function undo(ctx, { by }, Kind, object) {
  const key = `${Kind.name} ${by} ${object}`, known = ctx.site.mine.get(key);
  if (!known) throw new Error(`${by} has no ${Kind.name} of ${object} to undo`);
  const activity = new Undo({ id: new URL(`/activities/${randomUUID()}`, ctx.site.origin), actor: ctx.getActorUri(by), object: known.activity, tos: known.activity.toIds, ccs: known.activity.ccIds });
  await send(ctx, by, activity, [known.owner], known.audience);
  ctx.site.mine.delete(key);
  return { id: activity.id.href };
}

const ownerOf = async (ctx, by, object) => find(ctx, by, (object.attributionId ?? object.id).href);
const listed = (map) => [...map.values()];

const verbs = {
  // {name, title?, about?, locked?, aliases?} makes a person or changes one without telling anybody.
  async actor(ctx, { name, title = name, about = "", locked = false, aliases = [] }) {
    const { site } = ctx;
    if (!site.actors.has(name)) site.actors.set(name, { name, keys: await keysOf(site, name), followers: new Map(), following: new Map(), requests: new Map() });
    Object.assign(site.actors.get(name), { title, about, locked, aliases });
    return { id: ctx.getActorUri(name).href, inbox: ctx.getInboxUri(name).href, sharedInbox: ctx.getInboxUri().href, handle: `@${name}@${site.name}`, followers: ctx.getFollowersUri(name).href };
  },
  // {name, title?, about?} tells the followers as well.
  async profile(ctx, { name, title, about }) {
    const actor = ctx.site.actors.get(name);
    Object.assign(actor, { title: title ?? actor.title, about: about ?? actor.about });
    const activity = new Update({ id: new URL(`/activities/${randomUUID()}`, ctx.site.origin), actor: ctx.getActorUri(name), object: await ctx.getActor(name), ...addressed(ctx, name, "everyone", []) });
    await send(ctx, name, activity, [], "everyone");
    return { id: activity.id.href };
  },
  // {by, what}: what Fedify reads at a handle or an address.
  async lookup(ctx, { by, what }) {
    const object = await find(ctx, by, what);
    const loaders = { documentLoader: await ctx.getDocumentLoader({ identifier: by }), contextLoader: ctx.contextLoader, suppressError: true };
    return { understood: await described(object, loaders), raw: await object.toJsonLd({ contextLoader: ctx.contextLoader }), inbox: object.inboxId?.href ?? null };
  },
  async webfinger(ctx, { what }) { return (await ctx.lookupWebFinger(what)) ?? {}; },
  async nodeinfo(ctx, { what }) { return (await ctx.lookupNodeInfo(what, { parse: "best-effort" })) ?? {}; },
  // {by, what}: the items of a collection, as far as its pages lead.
  async collection(ctx, { by, what }) {
    const documentLoader = await ctx.getDocumentLoader({ identifier: by });
    const items = [];
    for await (const item of ctx.traverseCollection(await find(ctx, by, what), { documentLoader, suppressError: true })) items.push({ type: nameOf(item), id: item.id?.href ?? null });
    return { items };
  },
  // {by, whom: handle or address}
  async follow(ctx, { by, whom }) {
    const them = await find(ctx, by, whom);
    const kept = { id: them.id.href, accepted: false, follow: null };
    const id = new URL(`/activities/${randomUUID()}`, ctx.site.origin);
    kept.follow = id.href;
    ctx.site.actors.get(by).following.set(them.id.href, kept); // before it is sent: the answer may come first
    return await act(ctx, { by }, Follow, them, them, { id });
  },
  async unfollow(ctx, { by, whom }) {
    const them = await find(ctx, by, whom);
    ctx.site.actors.get(by).following.delete(them.id.href);
    return await undo(ctx, { by }, Follow, them.id.href);
  },
  // {by, follower: address}: answers to a request that a locked person got; reject also removes a follower.
  async accept(ctx, { by, follower }) { return { id: await answer(ctx, ctx.site, ctx.site.actors.get(by), follower, Accept) }; },
  async reject(ctx, { by, follower }) {
    const actor = ctx.site.actors.get(by);
    if (!actor.requests.has(follower)) actor.requests.set(follower, new Follow({ actor: new URL(follower), object: ctx.getActorUri(by) }));
    return { id: await answer(ctx, ctx.site, actor, follower, Reject) };
  },
  // {by, object: address}
  async like(ctx, { by, object }) { const it = await find(ctx, by, object); return await act(ctx, { by }, Like, it, await ownerOf(ctx, by, it)); },
  async unlike(ctx, { by, object }) { return await undo(ctx, { by }, Like, object); },
  async react(ctx, { by, object, emoji }) { const it = await find(ctx, by, object); return await act(ctx, { by }, EmojiReact, it, await ownerOf(ctx, by, it), { content: emoji }); },
  async unreact(ctx, { by, object }) { return await undo(ctx, { by }, EmojiReact, object); },
  async announce(ctx, { by, object }) {
    const it = await find(ctx, by, object), owner = await ownerOf(ctx, by, it);
    return await act(ctx, { by }, Announce, it, owner, { ...addressed(ctx, by, "everyone", [owner]), published: Temporal.Now.instant() }, "everyone");
  },
  async unannounce(ctx, { by, object }) { return await undo(ctx, { by }, Announce, object); },
  // {by, content: HTML, replyTo?, mentions?: [handle or address], audience?: everyone|unlisted|followers|mentioned, tags?: [word],
  //  warning?, images?: [{data: base64, type, alt, width, height}]}
  async note(ctx, { by, content, replyTo = null, mentions = [], audience = "everyone", tags = [], warning = null, images = [] }) {
    const id = randomUUID();
    const people = await Promise.all(mentions.map((each) => find(ctx, by, each)));
    const attachments = images.map((image, place) => {
      const path = `/media/${id}-${place}`;
      ctx.site.media.set(path, { type: image.type, bytes: Buffer.from(image.data, "base64") });
      return new vocab.Document({ url: new URL(path, ctx.site.origin), mediaType: image.type, name: image.alt, width: image.width, height: image.height });
    });
    const note = new Note({
      id: ctx.getObjectUri(Note, { identifier: by, id }), url: new URL(`/@${by}/${id}`, ctx.site.origin), attribution: ctx.getActorUri(by), content, summary: warning, sensitive: warning !== null,
      replyTarget: replyTo && new URL(replyTo), published: Temporal.Now.instant(), attachments, ...addressed(ctx, by, audience, people),
      tags: [...people.map((person) => new vocab.Mention({ href: person.id, name: `@${person.preferredUsername}@${person.id.host}` })),
        ...tags.map((tag) => new vocab.Hashtag({ href: new URL(`/tags/${tag}`, ctx.site.origin), name: `#${tag}` }))],
    });
    const kept = { author: by, note, people, audience, deleted: false };
    ctx.site.notes.set(note.id.href, kept);
    const activity = creation(ctx, kept);
    await send(ctx, by, activity, people, audience);
    return { id: note.id.href, activity: activity.id.href };
  },
  // {by, note: id, content}
  async edit(ctx, { by, note, content }) {
    const kept = ctx.site.notes.get(note);
    kept.note = kept.note.clone({ content, updated: Temporal.Now.instant() });
    const activity = new Update({ id: new URL(`#update-${randomUUID()}`, note), actor: ctx.getActorUri(by), object: kept.note, tos: kept.note.toIds, ccs: kept.note.ccIds });
    await send(ctx, by, activity, kept.people, kept.audience);
    return { id: activity.id.href };
  },
  // {by, note: id}
  async delete(ctx, { by, note }) {
    const kept = ctx.site.notes.get(note);
    kept.deleted = true;
    const activity = new Delete({ id: new URL("#delete", note), actor: ctx.getActorUri(by), object: new Tombstone({ id: new URL(note) }), tos: kept.note.toIds, ccs: kept.note.ccIds });
    await send(ctx, by, activity, kept.people, kept.audience);
    return { id: activity.id.href };
  },
  async block(ctx, { by, whom }) {
    const them = await find(ctx, by, whom);
    ctx.site.actors.get(by).followers.delete(them.id.href);
    return await act(ctx, { by }, Block, them, them);
  },
  async unblock(ctx, { by, whom }) { return await undo(ctx, { by }, Block, (await find(ctx, by, whom)).id.href); },
  // {whom, objects?: [address], content}: from the server's own actor, as reports are sent.
  async flag(ctx, { whom, objects = [], content }) {
    const by = ctx.site.name, them = await find(ctx, by, whom);
    const activity = new Flag({ id: new URL(`/activities/${randomUUID()}`, ctx.site.origin), actor: ctx.getActorUri(by), objects: [them.id, ...objects.map((each) => new URL(each))], content, tos: [them.id] });
    await send(ctx, by, activity, [them], "mentioned");
    return { id: activity.id.href };
  },
  // {by, to: address}
  async move(ctx, { by, to }) {
    ctx.site.actors.get(by).movedTo = to;
    const me = ctx.getActorUri(by);
    const activity = new Move({ id: new URL(`/activities/${randomUUID()}`, ctx.site.origin), actor: me, object: me, target: new URL(to), ...addressed(ctx, by, "everyone", []) });
    await send(ctx, by, activity, [], "everyone");
    return { id: activity.id.href };
  },
  // {by, whom, activity: JSON-LD}: anything at all, signed by `by` and sent to the inbox of `whom`.
  async send(ctx, { by, whom, activity }) {
    const them = await find(ctx, by, whom);
    await ctx.sendActivity({ identifier: by }, them, await Activity.fromJsonLd(activity, { documentLoader: ctx.documentLoader, contextLoader: ctx.contextLoader }));
    return {};
  },
  // {type, seconds, after?, actor?, object?, to?, id?}: the newest such entry of the log, waited for.
  async arrived({ site }, { seconds, after = 0, ...expected }) {
    return await new Promise((resolve, reject) => {
      const stop = () => { site.waiting.delete(look); clearTimeout(timer); };
      const look = () => {
        const found = site.received.slice(after).findLast((entry) => Object.entries(expected).every(([key, value]) => entry[key] === value));
        if (found) { stop(); resolve(found); }
      };
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`no ${JSON.stringify(expected)} within ${seconds} s; here is ${site.received.slice(-8).map((entry) => `${entry.type} of ${entry.object}`).join(", ") || "nothing"}`));
      }, seconds * 1000);
      site.waiting.add(look);
      look();
    });
  },
  // {by?}: everything that arrived, every request with its kind of signature, and who follows whom.
  async state(ctx, { by }) {
    const actor = ctx.site.actors.get(by);
    return { received: ctx.site.received, requests: ctx.site.requests,
      followers: actor ? listed(actor.followers).map((each) => each.id.href) : [], following: actor ? listed(actor.following) : [], asking: actor ? [...actor.requests.keys()] : [] };
  },
};

const rsa = [];
async function keysOf(site, name) {
  const file = `${folder}/${site.name}-${name}.json`;
  const kept = await readFile(file, "utf-8").then(JSON.parse, () => null);
  if (kept) return Promise.all(kept.map(async (pair) => ({ privateKey: await fedify.importJwk(pair.private, "private"), publicKey: await fedify.importJwk(pair.public, "public") })));
  // A key of 4096 bits takes a second to make; four are made and handed round, so that two people in a row have two.
  if (rsa.length < 4) rsa.push(await fedify.generateCryptoKeyPair("RSASSA-PKCS1-v1_5"));
  else rsa.push(rsa.shift());
  const pairs = [rsa.at(-1), await fedify.generateCryptoKeyPair("Ed25519")];
  await writeFile(file, JSON.stringify(await Promise.all(pairs.map(async (pair) => ({ private: await fedify.exportJwk(pair.privateKey), public: await fedify.exportJwk(pair.publicKey) })))));
  return pairs;
}

function contextOf(site) {
  return Object.assign(site.federation.createContext(new Request(site.origin), undefined), { site });
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

const doors = createServer(async (request, response) => {
  const site = sites.get(request.headers.host);
  if (!site) return response.writeHead(421).end();
  const media = site.media.get(request.url);
  if (media) return response.writeHead(200, { "Content-Type": media.type }).end(media.bytes);
  const body = await bodyOf(request);
  const noted = { method: request.method, path: request.url, signed: request.headers["signature-input"] ? "rfc9421" : request.headers.signature ? "cavage" : "", agent: request.headers["user-agent"] ?? "", headers: request.headers, status: 0 };
  site.requests.push(noted);
  try {
    await answerWith(site, request, body, noted, response);
  } catch (error) {
    console.error(error);
    response.writeHead((noted.status = 500)).end(String(error));
  }
});

async function answerWith(site, request, body, noted, response) {
  const asked = new Request(new URL(request.url, site.origin), { method: request.method, headers: request.headers, body: body.length > 0 ? body : undefined });
  const answered = await site.federation.fetch(asked, { contextData: undefined });
  noted.status = answered.status;
  response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(Buffer.from(await answered.arrayBuffer()));
}

const orders = createServer(async (request, response) => {
  const [, name, verb] = request.url.split("/");
  let status = 200, answered;
  try {
    const body = JSON.parse((await bodyOf(request)).toString() || "{}");
    answered = await verbs[verb](contextOf(sites.get(name)), body);
  } catch (error) {
    console.error(error);
    [status, answered] = [500, { error: String(error) }];
  }
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(answered));
});

await mkdir(folder, { recursive: true });
for (const each of wanted) {
  addSite(each);
  await verbs.actor(contextOf(sites.get(each.name)), { name: each.name });
}
// Whoever started this holds the other end of stdin; when it is gone, so are we.
process.stdin.on("end", () => process.exit()).resume();
doors.listen(0, "127.0.0.1", () => orders.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ doors: doors.address().port, orders: orders.address().port }))));
