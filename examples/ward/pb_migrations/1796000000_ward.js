/// <reference path="../pb_data/types.d.ts" />
// The clinic's own field on appointments. Names of fields that a site adds begin with x_.
migrate((app) => {
  const appointments = app.findCollectionByNameOrId("appointments");
  appointments.fields.add(new TextField({ name: "x_ward", max: 60 }));
  app.save(appointments);
}, (app) => {
  const appointments = app.findCollectionByNameOrId("appointments");
  appointments.fields.removeByName("x_ward");
  app.save(appointments);
});
