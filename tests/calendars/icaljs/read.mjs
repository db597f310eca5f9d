// Reads calendars from standard input and writes what a subscriber would see, as JSON. With
// "--each" the input is a JSON list of them, as text or as jCal, and so is what it writes.
import { readFileSync } from "node:fs";
import ICAL from "./ical.min.mjs";

function read(source, many) {
  const calendar = new ICAL.Component(typeof source === "string" ? ICAL.parse(source) : source);
  const zones = calendar.getAllSubcomponents("vtimezone");
  // Only what the file itself says of its zones counts.
  ICAL.TimezoneService.reset();
  for (const zone of zones) ICAL.TimezoneService.register(new ICAL.Timezone(zone));

  const components = calendar.getAllSubcomponents("vevent");
  const events = components.map((component) => {
    const event = new ICAL.Event(component);
    const text = (name) => component.getFirstPropertyValue(name);
    return {
      uid: event.uid,
      sequence: event.sequence,
      summary: event.summary,
      description: event.description,
      location: event.location,
      status: text("status"),
      transp: text("transp"),
      url: text("url"),
      attendee: text("attendee"),
      answer: component.getFirstProperty("attendee")?.getFirstParameter("partstat") ?? null,
      name: component.getFirstProperty("attendee")?.getFirstParameter("cn") ?? null,
      organizer: text("organizer"),
      alarms: component.getAllSubcomponents("valarm").length,
      starts_at: event.startDate.toUnixTime(),
      ends_at: event.endDate.toUnixTime(),
      wall_clock: event.startDate.toString(),
      instead_of: event.recurrenceId?.toUnixTime() ?? null,
    };
  });

  // Each date of what repeats, as far as asked for: when it is, and what it is called.
  const instances = [];
  for (const component of many ? components : []) {
    if (!component.hasProperty("rrule")) continue;
    const uid = component.getFirstPropertyValue("uid");
    const exceptions = components.filter(
      (one) => one.hasProperty("recurrence-id") && one.getFirstPropertyValue("uid") === uid,
    );
    const event = new ICAL.Event(component, { exceptions });
    const dates = event.iterator();
    const last = instances.length + many;
    for (let date = dates.next(); date && instances.length < last; date = dates.next()) {
      const { startDate, item } = event.getOccurrenceDetails(date);
      const status = item.component.getFirstPropertyValue("status");
      instances.push([startDate.toUnixTime(), item.summary, status]);
    }
  }
  const name = calendar.getFirstPropertyValue("name");
  const method = calendar.getFirstPropertyValue("method");
  return { name, method, zones: zones.length, events, instances };
}

const input = readFileSync(0, "utf8");
const many = Number(process.argv[2] ?? 0);
const isEach = process.argv[3] === "--each";
const seen = isEach ? JSON.parse(input).map((one) => read(one, many)) : read(input, many);
process.stdout.write(JSON.stringify(seen));
