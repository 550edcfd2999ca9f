//! The catalogue: every plan, found by id, number or slug.

use std::sync::Arc;

use imbl::HashMap;

use crate::{
    envelope::Recorded,
    event::{HeldPlan, PlanEvent, PlanTerms},
    ids::PlanId,
    money::Money,
    period::Cycle,
};

/// A plan as it is on offer today.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// The version of its stream.
    pub version: i64,
    /// Its number, for the panel dialect.
    pub number: String,
    /// Its slug.
    pub slug: String,
    /// The newest revision.
    pub revision: u32,
    /// What the newest revision says.
    pub terms: PlanTerms,
    /// Whether it is off the shelf.
    pub retired: bool,
}

impl Plan {
    /// The plan as somebody comes to hold it at a price.
    #[must_use]
    pub fn held(&self, cycle: Cycle, price: Money) -> HeldPlan {
        HeldPlan {
            plan_id: self.id,
            number: self.number.clone(),
            slug: self.slug.clone(),
            name: self.terms.name.clone(),
            plan_type: self.terms.plan_type.clone(),
            revision: self.revision,
            cycle,
            price,
            limits: self.terms.limits.clone(),
        }
    }
}

/// Every plan there is.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    plans: HashMap<PlanId, Arc<Plan>>,
    // Slugs and numbers share a map: a slug never consists of digits alone.
    names: HashMap<String, PlanId>,
}

impl Catalogue {
    /// Takes in an event of a plan's stream.
    pub fn evolve(&mut self, id: PlanId, event: &PlanEvent, recorded: &Recorded) {
        match event {
            PlanEvent::PlanPublished(published) => {
                let number = recorded.number.clone().unwrap_or_default();
                self.names.insert(published.slug.clone(), id);
                self.names.insert(number.clone(), id);
                let plan = Plan {
                    id,
                    version: 0,
                    number,
                    slug: published.slug.clone(),
                    revision: 1,
                    terms: published.terms.clone(),
                    retired: false,
                };
                self.plans.insert(id, Arc::new(plan));
            }
            PlanEvent::PlanRevised(revised) => self.change(id, |plan| {
                plan.revision = revised.revision;
                plan.terms = revised.terms.clone();
            }),
            PlanEvent::PlanRetired(_) => self.change(id, |plan| plan.retired = true),
            PlanEvent::PlanLimitsReapplied(_) => {}
        }
        self.change(id, |plan| plan.version = recorded.version);
    }

    fn change(&mut self, id: PlanId, change: impl FnOnce(&mut Plan)) {
        if let Some(plan) = self.plans.get_mut(&id) {
            change(Arc::make_mut(plan));
        }
    }

    /// The plan of an id, a number or a slug.
    #[must_use]
    pub fn find(&self, reference: &str) -> Option<&Arc<Plan>> {
        let id = self.names.get(reference).copied().or_else(|| reference.parse().ok())?;
        self.plans.get(&id)
    }

    /// Every plan, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.plans.values()
    }

    /// The plan of an id.
    #[must_use]
    pub fn get(&self, id: PlanId) -> Option<&Arc<Plan>> {
        self.plans.get(&id)
    }
}
